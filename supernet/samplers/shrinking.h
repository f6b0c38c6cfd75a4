#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

struct ShrinkingOptions {
  double share = 0;  ///< of the training in which options open; behind it all of them are open; 0: from the start
  std::vector<std::string> order = {"kernel", "depth", "width"};  ///< which decisions open first
  bool operator==(const ShrinkingOptions&) const = default;
};

/// @throws UsageError for an order of nothing.
void require_consistent(const ShrinkingOptions& options);

template <class Fields>
void describe(Fields& f, ShrinkingOptions& o) {
  f("share", o.share, 0.0, 1.0,
    "Of the training, in which decisions open from their largest option down; 0: all are open from the start.");
  f("order", o.order,
    "Which decisions open one after the other: kinds (kernel, depth, width, other, bits) or last parts of names "
    "(expansion); the others are open from the start.");
  require_consistent(o);
}

/// A part of the training in which decisions have only some of their options.
struct ShrinkingPhase {
  double until = 1;                                 ///< share of the training that lies behind its end
  std::vector<std::vector<std::uint16_t>> allowed;  ///< options of each decision
};

/// Progressive shrinking (Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment",
/// arXiv 1908.09791), as a schedule for any sampler: at first only the largest option of the decisions in the order;
/// then each of its words opens its decisions in an equal part of the share, one option more at a time, from the
/// largest down, until the phase behind the share, in which everything is open. Differs from the paper: the phases are
/// parts of one training with one learning rate schedule, and kernels and widths are parts of the shared weights as the
/// space says, without transformations and without sorting channels.
/// @throws UsageError for words that are no decision's, and decisions whose options have no sizes.
std::vector<ShrinkingPhase> shrinking_phases(std::span<const Decision> decisions, const ShrinkingOptions& options);

/// A sampler of its own for each phase.
class ShrinkingSampler : public Sampler {
 public:
  struct Phase {
    double until = 1;
    std::unique_ptr<Sampler> sampler;
  };
  /// @throws UsageError for samplers with parameters of their own, which would be others in each phase.
  explicit ShrinkingSampler(std::vector<Phase> phases);
  std::string_view name() const override { return last().name(); }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  void observe(const Work& work, std::span<const Outcome> outcomes) override { current().observe(work, outcomes); }
  bool uses(Stream stream) const override { return last().uses(stream); }
  bool distills() const override { return last().distills(); }
  /// Of the phase's sampler, and "phase".
  std::vector<std::pair<std::string, double>> metrics() const override;
  std::optional<Selection> widest() const override { return last().widest(); }
  SamplerState save() const override;
  void load(const SamplerState& state) override;

 private:
  Sampler& current() const { return *phases_[phase_].sampler; }
  Sampler& last() const { return *phases_.back().sampler; }

  std::vector<Phase> phases_;
  std::size_t phase_ = 0;  ///< of the last step
};

/// The sampler on what each phase leaves of the space. @param make one for a space.
std::unique_ptr<Sampler> make_shrinking(
    const std::shared_ptr<const SearchSpace>& space, const ShrinkingOptions& options,
    const std::function<std::unique_ptr<Sampler>(std::shared_ptr<const SearchSpace>)>& make);

}  // namespace frontier
