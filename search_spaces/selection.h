#pragma once

#include <span>
#include <vector>

#include "search_spaces/architecture.h"

namespace frontier {

/// How several selected options of one decision act together in a soft selection.
enum class Combine {
  kSum,          ///< branches, subsets, depths: weighted sum of the options' outputs
  kMask,         ///< numbers: what is there of the largest option, weighted (ShiftNAS's channel masks, kernels' rings)
  kInterpolate,  ///< widths with layers of their own (Builder::each_width): outputs brought to one size (TAS)
};
/// kSum where outputs can be added, kMask for numbers: the two that networks are built of.
Combine usual_combine(DecisionKind kind);

/// The options of one decision that take part. One option: hard, unless it is gated. Several: soft, in ascending order;
/// their weights are tensors that travel beside the selection (Gates), so that this type needs no torch.
struct SelectedOptions {
  std::vector<std::uint16_t> options;
  Combine combine = Combine::kSum;
  bool gated = false;  ///< one option has a gate, too, that multiplies what it gives (straight-through estimates)

  bool is_hard() const { return options.size() == 1 && !gated; }
};

/// What a sampler hands to the engine: for every decision the options that take part in this pass.
class Selection {
 public:
  Selection() = default;
  /// The hard selection of one architecture. (Implicit: an architecture is a selection.)
  Selection(const Architecture& arch);  // NOLINT(google-explicit-constructor)
  explicit Selection(std::vector<SelectedOptions> decisions) : decisions_(std::move(decisions)) {}
  /// All options of every decision, each combined as is usual for its kind.
  static Selection everything(std::span<const Decision> decisions);

  std::span<const SelectedOptions> decisions() const { return decisions_; }
  const SelectedOptions& operator[](std::size_t decision) const { return decisions_[decision]; }
  bool is_hard() const;
  /// The architecture of a hard selection. @throws std::logic_error if it is soft.
  Architecture architecture() const;

 private:
  std::vector<SelectedOptions> decisions_;
};

}  // namespace frontier
