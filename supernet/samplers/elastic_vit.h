#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/options.h"
#include "search_spaces/cost_bins.h"
#include "supernet/divergence.h"
#include "supernet/samplers/elite_bank.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Sampling by complexity and by performance (Tang et al., "ElasticViT: Conflict-aware Supernet Training for Deploying
/// Fast Vision Transformer on Diverse Mobile Devices", arXiv 2303.09730; defaults and rules of its released code).
/// Costs are banks: narrow windows of one price. A walk over the banks decides the cost of a step's subnets, so that
/// subnets that share a step or follow each other hardly differ in size; one of several smallest networks, that of the
/// bank's size, learns from what the others say, by the alpha-divergence. Each bank remembers the subnets of least loss
/// that it has seen; with a rate that rises, a subnet is drawn from these, otherwise it is a new one, chosen among some
/// for having its cost in widths rather than in depths. Differs from the code: subnets are drawn uniformly from a
/// window by exact tables, not from lists found by rejection; a bank holds a subnet once; the smallest networks follow
/// from the space instead of a table (see smallest_of), banks that are not given are spread evenly over the space's
/// costs; scores are renewed a number of times a training, not every epoch.
class ElasticVitSampler : public Sampler {
 public:
  struct Options {
    std::string price = "macs";          ///< what banks are of: macs, params
    std::int64_t banks = 8;              ///< spread evenly from the cheapest subnet to the dearest
    std::vector<std::int64_t> costs;     ///< where each bank begins, in their place; rising
    std::int64_t window = 0;             ///< between a bank's ends; 0: 8 % of the range from cheapest to dearest
    std::string walk = "adjacent_step";  ///< how a step's bank follows from the last: see describe()
    int subnets_per_step = 3;            ///< besides the smallest
    int smallest = 3;                    ///< smallest networks, each for two banks, the last for all dearer; 0: none
    bool preference = true;              ///< by performance; false: by complexity alone
    double exploit = 0.2;                ///< share of the draws that are from what a bank remembers ...
    double exploit_rise = 0.15;          ///< ... and by how much it is more behind each sixth of the training
    int candidates = 5;                  ///< of which a new subnet is the widest
    std::string wide_within;             ///< the decisions whose widths and depths count begin so: "attention"
    std::int64_t bank_size = 150;        ///< subnets that a bank of the lower half remembers
    std::int64_t large_bank_size = 50;   ///< and one of the upper half
    std::int64_t refreshes = 4;          ///< of all scores in a training, spread evenly; 0: none
    DivergenceOptions smallest_divergence = {.name = "alpha"};
  };
  ElasticVitSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                    const Rng& rng);
  std::string_view name() const override { return "elastic_vit"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  void observe(const Work& work, std::span<const Outcome> outcomes) override;
  bool distills() const override { return options_.smallest > 0; }
  /// The bank of the step, the share of draws from banks, and of each bank how many subnets it remembers and their mean
  /// score.
  std::vector<std::pair<std::string, double>> metrics() const override;
  SamplerState save() const override;
  void load(const SamplerState& state) override;

  const CostBins& banks() const { return banks_; }
  const EliteBank& remembered(std::size_t bank) const { return remembered_.at(bank); }
  /// The smallest network that goes with a bank. Those of the first two banks are the space's cheapest; the next one
  /// costs at least half of what bank 2 begins with, the one after it half of bank 4, and so on, and no more than a
  /// bank's window above it: of 32 such subnets, the one whose sizes are all nearest to their smallest (least sum of
  /// squares of their places among the options). Where none costs that, the cheapest.
  const Architecture& smallest_of(std::size_t bank) const;
  /// What `arch` would cost with the widths of `anchor`, less what it would cost with its depths: the less, the more of
  /// its cost is in its widths.
  std::int64_t depth_share(const Architecture& arch, const Architecture& anchor) const;

 private:
  struct Slot {
    std::size_t bank = 0;
    bool explored = false;
  };
  void start(const StepContext& context, Rng& rng);
  void move(Rng& rng);
  Work refresh() const;
  Work training(const StepContext& context, Rng& rng);
  Architecture draw(Slot& slot, double rate, Rng& rng) const;
  Architecture explore(std::size_t bank, Rng& rng) const;
  double rate(const StepContext& context) const;

  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  CostBins banks_;
  std::vector<std::size_t> widths_, depths_;  ///< decisions that count
  std::vector<Architecture> smallest_;
  std::vector<EliteBank> remembered_;
  std::size_t bank_ = 0;
  double rate_ = 0;  ///< of the last step
  // Of the step that is under way.
  std::vector<std::pair<std::size_t, std::size_t>> renewed_;  ///< bank and entry of each subnet that is scored again
  std::vector<Slot> slots_;
};

/// @throws UsageError for settings that others leave without effect.
void require_consistent(const ElasticVitSampler::Options& options);

template <class Fields>
void describe(Fields& f, ElasticVitSampler::Options& o) {
  f("price", o.price, {"macs", "params"}, "What banks are of.");
  f("banks", o.banks, 1, 1000, "Narrow windows of cost, spread evenly from the cheapest subnet to the dearest.");
  f("costs", o.costs, "Where each bank begins, in place of evenly spread ones; rising.");
  f("window", o.window, 0, std::int64_t{1} << 60,
    "Between a bank's ends; 0: 8 % of the range from the cheapest subnet to the dearest.");
  f("walk", o.walk, {"adjacent_step", "adjacent", "cyclic", "random"},
    "adjacent_step: a step's subnets are of one bank, the next step's of it or a neighbour; adjacent: so from subnet "
    "to subnet; cyclic: a step's bank is the one below the last, the dearest behind the cheapest; random: each subnet "
    "is of any bank.");
  f("subnets_per_step", o.subnets_per_step, 1, 1024, "Subnets a step, besides the smallest.");
  f("smallest", o.smallest, 0, 1000,
    "Smallest networks, one of which, by the bank, is trained in every step; 0: none is.");
  f("preference", o.preference, "Whether subnets are chosen by their performance, too.");
  f("exploit", o.exploit, 0.0, 1.0, "Share of draws from the subnets of least loss that a bank has seen.");
  f("exploit_rise", o.exploit_rise, 0.0, 1.0, "By which that share is more behind each sixth of the training.");
  f("candidates", o.candidates, 1, 1000, "Of which a new subnet is the one with the most of its cost in widths.");
  f("wide_within", o.wide_within,
    "Widths and depths count there of decisions whose names begin so, such as attention; empty: of all.");
  f("bank_size", o.bank_size, 1, 100'000, "Subnets that a bank of the lower half remembers.");
  f("large_bank_size", o.large_bank_size, 1, 100'000, "Subnets that a bank of the upper half remembers.");
  f("refreshes", o.refreshes, 0, 1'000'000, "Of all those subnets' losses in a training, spread evenly.");
  f("smallest_divergence", o.smallest_divergence);
  require_consistent(o);
}

}  // namespace frontier
