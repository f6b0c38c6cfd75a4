#pragma once

#include <memory>

#include "searchers/cost_policy.h"
#include "searchers/proposals.h"

namespace frontier {

struct ShiftNasSearcherOptions {
  double within = 0.03;  ///< how far below the wanted cost a proposal may cost, as a share of it
  int tries = 10;        ///< draws that were proposed before, until cheaper subnets are allowed
};
template <class Fields>
void describe(Fields& f, ShiftNasSearcherOptions& o) {
  f("within", o.within, 1e-4, 1.0, "How far below the budget a subnet may cost, as a share of it.");
  f("tries", o.tries, 1, 1'000'000, "Draws that were proposed before, until cheaper subnets are allowed.");
}

/// Deployment without a search (Zhang et al., "ShiftNAS: Improving One-shot NAS via Probability Shift", arXiv
/// 2307.08300, section 3.2): the generator that learned with the supernet is asked for a subnet of the wanted cost. The
/// first proposal is the subnet that it takes for likeliest, every later one a draw of its.
///
/// The wanted cost is the budget's upper limit of the generator's price; where that has none, or another limit keeps
/// subnets below it, the most that a subnet of the budget costs. Proposals cost at most that, and at most `within`
/// less. Where nothing does, or nothing new came of so many tries, the share is doubled, up to all that the budget
/// allows; behind that what is left is drawn uniformly. What was measured changes nothing but that it is not proposed
/// again.
///
/// Differs from the paper, whose subnets cost what the generator says: among those of the wanted cost the likeliest is
/// given by the exact best path, within kSlack of its logarithm, which meets every condition of the space, too.
class ShiftNasSearcher final : public Searcher {
 public:
  /// Of a logarithm of a probability: what is given is as likely as the likeliest, or 0.1 % less.
  static constexpr double kSlack = 1e-3;

  /// @throws UsageError for a problem without a policy.
  ShiftNasSearcher(const SearchProblem& problem, const ShiftNasSearcherOptions& options);
  std::vector<Architecture> ask(std::size_t n, Rng& rng) override;
  void tell(std::span<const Evaluated> results) override { proposals_.take(results); }
  nlohmann::json save() const override;
  void load(const nlohmann::json& state) override;

  /// In units of the policy's price.
  std::int64_t wanted_cost() const { return wanted_; }

 private:
  const CostPolicy& policy() const { return *proposals_.problem().policy; }
  std::optional<Architecture> next(Rng& rng);
  std::optional<Architecture> best(Rng* noise) const;
  void set_share(double share);

  ShiftNasSearcherOptions options_;
  Proposals proposals_;
  std::int64_t wanted_ = 0;
  double share_ = 0;                     ///< how far below the wanted cost a proposal may now cost; 1: anything
  std::unique_ptr<FeasibleSet> window_;  ///< what costs that
  bool begun_ = false;                   ///< whether the likeliest was asked for
};

}  // namespace frontier
