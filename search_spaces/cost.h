#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "search_spaces/network_graph.h"

namespace frontier {

/// Price of one forward pass over a single image.
struct Cost {
  std::int64_t macs = 0;    ///< multiply-accumulates of convolutions, linear layers and attention; 1 MAC = 2 FLOPs
  std::int64_t params = 0;  ///< trainable scalars, classifier included, batch-norm statistics not
  std::int64_t activation_bytes = 0;  ///< float32 outputs of all layers: what training keeps
  /// Most float32 activation memory alive at once when layers run in order: what inference needs
  std::int64_t peak_bytes = 0;
  bool operator==(const Cost&) const = default;
};

struct LayerCost {
  NetworkGraph::Vertex vertex = 0;
  std::int64_t macs = 0;
  std::int64_t params = 0;
};

/// @param graph of a hard selection.  @throws std::logic_error if a dimension depends on a decision.
Cost cost(const NetworkGraph& graph);
std::vector<LayerCost> layer_costs(const NetworkGraph& graph);

/// MACs and parameters of one layer as functions of the decisions they depend on; 0 for layers of training alone.
Dim layer_macs(const NetworkGraph& graph, NetworkGraph::Vertex vertex);
Dim layer_params(const NetworkGraph& graph, NetworkGraph::Vertex vertex);

/// A function of an architecture as a sum of small ones. Thread-safety: const.
class CostSum {
 public:
  CostSum() = default;
  /// Adds up the terms; a term over a subset of another's decisions is folded into that one where the sum is no larger
  /// than the two.
  explicit CostSum(std::vector<Dim> terms);
  std::int64_t operator()(const Architecture& arch) const;
  std::int64_t constant() const { return constant_; }
  std::span<const Dim> factors() const { return factors_; }

 private:
  std::int64_t constant_ = 0;
  std::vector<Dim> factors_;
};

/// For every decision whether it has no effect or one of its allowed options.
/// @throws UsageError naming the decision of which none is allowed or one is out of range.
std::vector<Dim> conditions_of(std::span<const Decision> decisions, std::span<const Dim> activity,
                               std::span<const std::vector<std::uint16_t>> allowed);

/// MACs and parameters of every subnet of a space for one input shape, from one pass over the graph with everything
/// selected. A query costs well under a microsecond. Decisions without effect need not be canonical. A table can hold
/// further prices (bit operations, a latency by table) as sums of small functions of the decisions, and can be
/// restricted to some options of each decision; both before it is shared. Thread-safety: const.
class CostTable {
 public:
  CostTable(const NetworkGraph& everything, std::vector<Decision> decisions, std::vector<Dim> activity,
            std::vector<Dim> constraints = {});
  /// Without tables: every query asks `price`; all decisions count as having an effect.
  CostTable(std::vector<Decision> decisions, std::function<Cost(const Architecture&)> price);
  std::int64_t macs(const Architecture& arch) const { return price_ ? price_(arch).macs : macs_(arch); }
  std::int64_t params(const Architecture& arch) const { return price_ ? price_(arch).params : params_(arch); }
  /// Both with one query: half the work where a network is built for it.
  std::pair<std::int64_t, std::int64_t> macs_and_params(const Architecture& arch) const;
  /// Whether the two sums say what networks cost: not where every query asks `price`.
  bool has_sums() const { return price_ == nullptr; }
  const CostSum& macs_sum() const { return macs_; }
  const CostSum& params_sum() const { return params_; }
  std::span<const Decision> decisions() const { return decisions_; }
  /// For every decision 1 where it has an effect, 0 where canonical form sets it to option 0.
  std::span<const Dim> activity() const { return activity_; }
  /// Not 0 for members of the space, and of what restrict() left of it.
  std::span<const Dim> constraints() const { return constraints_; }

  /// A further price: the sum of the terms. They must not depend on decisions where these have no effect.
  /// @throws UsageError if the name is taken ("macs" and "params" are).
  void add_price(std::string name, std::vector<Dim> terms);
  /// "macs", "params", then the further prices in the order they were added. A price's place here is its index.
  std::vector<std::string> price_names() const;
  /// @throws UsageError naming the nearest price if there is none of that name.
  std::size_t price_index(std::string_view name) const;
  std::int64_t price(std::size_t index, const Architecture& arch) const;
  /// Of a table that asks for every query, "macs" and "params" are empty sums.
  const CostSum& price_sum(std::size_t index) const;

  /// Leaves only the architectures of which every decision has an effect with one of its allowed options, or no effect.
  /// @param allowed options of every decision.  @throws UsageError naming the decision of which none is left or one is
  /// out of range.
  void restrict_to(std::span<const std::vector<std::uint16_t>> allowed);
  bool is_restricted() const { return is_restricted_; }
  /// Whether an architecture of valid options meets all constraints; `arch` need not be canonical.
  bool admits(const Architecture& arch) const;

 private:
  struct FurtherPrice {
    std::string name;
    CostSum sum;
  };
  CostSum macs_;
  CostSum params_;
  std::vector<Decision> decisions_;
  std::vector<Dim> activity_;
  std::vector<Dim> constraints_;
  std::vector<FurtherPrice> further_;
  bool is_restricted_ = false;
  std::function<Cost(const Architecture&)> price_;
};

}  // namespace frontier
