#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "search_spaces/cost.h"
#include "search_spaces/dim.h"
#include "search_spaces/network_graph.h"
#include "search_spaces/selection.h"

namespace frontier {

/// How much of every option a soft network takes. For each decision a tensor [options] of the whole decision, 0 where
/// an option is not selected; undefined where the decision is hard. As a rule a distribution (softmax, its samples,
/// one-hot with straight-through gradients): what does not depend on a decision counts as once, whatever its gates add
/// up to. Beside them sites (network_graph.h) may have weights of their own: of their inputs, in place of what the
/// gates of decisions make of these (edge normalisation). A value, cheap to copy; thread-safety: const.
class Gates {
 public:
  /// Every decision is hard.
  Gates() = default;
  /// All options of what is gated are selected. The values are read once, with one transfer where they are on a GPU.
  /// @param gates one a decision, all of one floating type on one device; gradients flow back to them.
  /// @throws std::logic_error naming the decision whose gates do not fit it.
  Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates);
  /// @param selection what is selected of the gated decisions; one option may be gated, too.
  /// @throws std::logic_error also if a gate is not 0 where its option is not selected, or if there is none where
  /// several options are or the selection asks for one.
  Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates, const Selection& selection);
  /// These gates, and weights by site.
  /// @param sites of the space (sites_of).  @param weights [inputs of the site], also of what is not selected, of the
  /// gates' type on their device; gradients flow back to them.
  /// @throws std::logic_error naming the site that there is not, or whose weights do not fit it.
  Gates with_sites(std::span<const Site> sites, std::map<std::string, at::Tensor, std::less<>> weights) const;
  /// 1 for the options chosen, 0 for all others: every decision is gated.
  static Gates one_hot(std::span<const Decision> decisions, const Architecture& arch,
                       at::ScalarType type = at::ScalarType::Float);

  /// [options], or undefined where the decision is hard.
  const at::Tensor& operator[](std::size_t decision) const;
  /// [inputs] of a site, or undefined where it has no weights of its own.
  const at::Tensor& site(std::string_view name) const;
  /// The gates' values on the CPU, without gradients; empty where the decision is hard.
  std::span<const double> values(std::size_t decision) const;
  /// Of a gated decision, ascending.
  std::span<const std::uint16_t> selected(std::size_t decision) const;
  /// For messages: "decision 'stage1.width'".
  std::string describe(std::size_t decision) const;
  /// Type and device of the gates, of the sites' weights where all decisions are hard; else float32 on the CPU.
  at::TensorOptions options() const;

 private:
  struct State;
  Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates, const Selection* selection);

  std::shared_ptr<const State> state_;
  std::shared_ptr<const std::map<std::string, at::Tensor, std::less<>>> sites_;
};

/// What numbers are under gates: expectations over independent draws of every decision, of probabilities
/// gates[decision]. A diagram's is value(place) = sum over options of gate[option] * value(branch), which is exact for
/// whatever a space computes, products of dimensions that depend on the same decisions included. Every call makes one
/// node of the autograd graph; sums are float64, whatever the gates are. A second derivative throws std::logic_error.
///
/// The branches of a Dim may be those of all options or of the selected ones.
/// @throws std::logic_error (all of them) naming the decision if a Dim depends on one that has no gate, or on another
/// number of options.
namespace soft {

/// A scalar, float64 on the gates' device.
at::Tensor expectation(const Dim& dim, const Gates& gates);
at::Tensor expectation(const CostSum& sum, const Gates& gates);
/// [2]: MACs, parameters; float64. Lists the table's places first; who asks every step keeps an ExpectedCost.
/// @throws std::logic_error for a space that is priced without tables.
at::Tensor expectation(const CostTable& table, const Gates& gates);
/// [n], of the gates' type: with indicators (1 where an option is taken), the weights of a mix.
at::Tensor expectations(std::span<const Dim> dims, const Gates& gates);
/// [size], of the gates' type: place c holds the probability of c < dim. With one-hot gates the 0/1 mask of the first
/// channels; its sum is the expectation of `dim`. @throws std::logic_error if `dim` can be greater than `size`.
at::Tensor prefix(const Dim& dim, const Gates& gates, std::int64_t size);

/// expectation(table, gates) prepared for many calls. Does not refer to the table. Thread-safety: const.
class ExpectedCost {
 public:
  explicit ExpectedCost(const CostTable& table);
  at::Tensor operator()(const Gates& gates) const;

 private:
  struct Prepared;
  std::shared_ptr<const Prepared> prepared_;
};

}  // namespace soft
}  // namespace frontier
