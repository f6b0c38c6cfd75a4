#pragma once

#include <optional>

#include "common/options.h"
#include "search_spaces/cost_bins.h"
#include "supernet/samplers/generator.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// Probability shift (Zhang et al., "ShiftNAS: Improving One-shot NAS via Probability Shift", arXiv 2307.08300): every
/// step trains one subnet, whose cost is that of a bin drawn from a learned distribution and whose options a generator
/// chooses for that cost. The generator learns with the weights, through the masks of what it chose, and by how far
/// the cost is off. From time to time, on images that nothing else learns from, the distribution moves towards the bins
/// whose loss has fallen most since it last moved: their subnets are not done yet.
///
/// Differs from the paper, where it leaves things open or to a long training: the distribution learns by the exact
/// expectation over bins (or by one draw, as equation 8 says); it keeps a floor, so that no bin is forgotten; it moves
/// so many times a training, not every 100 steps, since Adam moves it by its learning rate each time; channels beyond
/// the chosen width are not run (masks), which gives larger options the gradient of the one that was chosen; sides of
/// images have no gradient from the loss. Whatever breaks a condition of the space becomes the nearest network that
/// meets it.
class ShiftNasSampler : public Sampler {
 public:
  struct Options : CostBinOptions {
    GeneratorOptions generator = {};
    double temperature = 1;   ///< of the softmax behind the generator's draws
    double cost_weight = 10;  ///< of the squared error of the cost, in units of the range of costs on the bins' scale
    double entropy_weight = 1e-3;   ///< of the policies' mean entropy, which keeps the generator from always saying one
    double generator_lr = 1e-3;     ///< Adam
    double warmup_share = 0.1;      ///< of the steps, in which bins are drawn evenly: 50 of 500 epochs in the paper
    std::int64_t shifts = 100;      ///< times that the distribution moves; some 5,600 in the paper
    double bin_lr = 0.03;           ///< of the bins' logits (Adam); 1e-3 in the paper
    double floor = 0.1;             ///< share of the draws that is even over bins; 0 in the paper
    std::string signal = "signed";  ///< signed: by how much the loss fell; absolute; relative: to the loss
    std::string estimate = "exact";  ///< exact: over all bins; draw: through one architecture (equation 8)
    std::string masks = "chosen";    ///< chosen: runs what was chosen; all: the largest network under masks
  };
  /// @throws UsageError for a space that is not priced by tables.
  ShiftNasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                  const Rng& rng);
  std::string_view name() const override { return "shiftnas"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  void observe(const Work& work, std::span<const Outcome> outcomes) override;
  at::Tensor penalty(const Work& work, const Candidate& subnet) override;
  std::vector<ParameterGroup> groups() override;
  bool uses(Stream stream) const override { return stream != Stream::kArchitecture; }
  std::vector<std::pair<std::string, double>> metrics() const override;
  SamplerState save() const override;
  void load(const SamplerState& state) override;

  const CostBins& bins() const { return bins_; }
  const ArchitectureGenerator& generator() const { return generator_; }
  /// Of every bin, with the floor.
  std::vector<double> bin_probabilities() const;
  /// What the generator chooses for a cost, without noise; a network of the space.
  Architecture likeliest(double cost) const;
  /// What costs are of: "macs" or "params".
  const std::string& price() const { return options_.price; }
  /// What the generator says of every option for a cost, as it goes into FeasibleSet::best(): the logarithms of the
  /// probabilities, and with `noise` those of a draw.
  std::vector<std::vector<double>> scores(double cost, Rng* noise) const;

 private:
  bool is_shift_due(const StepContext& context) const;
  Work training(Rng& rng);
  Work watching(bool before) const;
  Work shifting(const StepContext& context);
  Work through_a_draw(bool before);
  Candidate candidate(const ArchitectureGenerator::Policies& policies) const;
  ArchitectureGenerator::Policies valid(ArchitectureGenerator::Policies policies) const;

  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  CostBins bins_;
  soft::ExpectedCost expected_cost_;
  std::vector<bool> maskable_;  ///< by decision: whether a subnet may run under a gate of it
  ArchitectureGenerator generator_;
  ParameterStore bin_logits_;
  bool kept_ = false;  ///< there are weights of when the distribution moved last
  // Of the step that is under way:
  double cost_ = 0;
  std::optional<Gates> cost_gates_;
  at::Tensor entropy_;
  Rng noise_;
};

template <class Fields>
void describe(Fields& f, ShiftNasSampler::Options& o) {
  describe(f, static_cast<CostBinOptions&>(o));
  f("generator", o.generator);
  f("temperature", o.temperature, 1e-3, 1e3, "Of the softmax behind the generator's draws.");
  f("cost_weight", o.cost_weight, 0.0, 1e6,
    "Of the squared error of the generated cost, as a share of the range of costs on the scale of the bins.");
  f("entropy_weight", o.entropy_weight, 0.0, 1e6,
    "Of the entropy of the generator's policies, which the loss rewards.");
  f("generator_lr", o.generator_lr, 0.0, 1000.0, "Learning rate of the generator (Adam).");
  f("warmup_share", o.warmup_share, 0.0, 1.0, "Share of the steps in which every bin is drawn equally often.");
  f("shifts", o.shifts, 0, 1'000'000'000, "How many times the distribution over bins moves in a training.");
  f("bin_lr", o.bin_lr, 0.0, 1000.0,
    "Learning rate of the distribution over bins (Adam): how far a logit moves at a time.");
  f("floor", o.floor, 0.0, 1.0, "Share of the draws in which every bin is equally likely, whatever was learned.");
  f("signal", o.signal, {"signed", "absolute", "relative"},
    "What a bin is ranked by: how much its loss fell, how much it changed, or how much it fell as a share of it.");
  f("estimate", o.estimate, {"exact", "draw"},
    "How the distribution learns: from all bins, or through one drawn architecture as in the paper's equation 8.");
  f("masks", o.masks, {"chosen", "all"},
    "chosen: layers run at the size that was chosen; all: at their largest, under masks, as in the paper.");
}

}  // namespace frontier
