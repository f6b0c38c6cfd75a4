#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/rng.h"
#include "search_spaces/builder.h"
#include "search_spaces/cost.h"

namespace frontier {

/// The network of a space as a function: from the image to the logits [classes], through a Builder.
using NetworkFunction = std::function<Signal(Builder& b, Signal image, std::int64_t classes)>;

/// How a space's architectures are written where the field has a notation of its own. Both see canonical architectures.
struct Notation {
  std::function<std::string(std::span<const Decision>, const Architecture&)> print;
  /// @throws InvalidArchitecture with the position of what is wrong.
  std::function<Architecture(std::span<const Decision>, std::string_view)> parse;
};

/// Where a space knows more equal functions than "this decision has no effect": one representative of all
/// architectures that compute the same function as `arch`, the same for each of them, as a rule the cheapest. Sees
/// architectures whose decisions without effect are option 0. Pure.
using NormalForm = std::function<Architecture(std::span<const Decision>, const Architecture& arch)>;

/// What a space says itself where the layers of its networks depend on too many decisions at once for cost tables
/// (NAS-Bench-101: a vertex' channels on all edges). Its network function meets two kinds of builder: one that selects
/// everything, for which it emits every layer at its largest (the shared weights), and hard ones. Networks are then
/// priced by building them.
struct ListedSpace {
  /// Why an architecture of valid options is no member; none if it is one.
  std::function<std::optional<std::string>(const Architecture&)> objection;
  /// All canonical architectures.
  std::function<std::vector<Architecture>()> members;
  /// Canonical; whatever the input is.
  Architecture least_macs, most_macs, least_params, most_params;
};

/// A finite set of architectures, described without weights: a name and a function from a Selection to a network graph.
/// Its decisions, costs and canonical forms come from running that function once with everything selected.
/// Immutable; thread-safety: const, as long as the network function is pure.
class SearchSpace {
 public:
  /// @param name stored with every architecture: change it ("toy.v2") whenever old choices change meaning.
  /// @param notation default: the options' labels in order of the decisions, separated by commas.
  SearchSpace(std::string name, InputShape default_input, NetworkFunction network, Notation notation = {},
              NormalForm normal_form = {}, std::optional<ListedSpace> listed = {});

  const std::string& name() const { return name_; }
  std::span<const Decision> decisions() const { return decisions_; }
  const InputShape& default_input() const { return default_input_; }
  /// Index of a decision. @throws UsageError naming the nearest one if there is none of that name.
  std::size_t decision_index(std::string_view decision) const;

  /// @throws InvalidArchitecture if `arch` is not a member, naming the decision and its allowed options or the
  /// constraint that is not met.
  void validate(const Architecture& arch) const;
  /// Whether an architecture of valid options meets the space's constraints.
  bool meets_constraints(const Architecture& arch) const;
  /// Equal function, equal canonical form: decisions without effect (of blocks beyond the depth) become option 0, and
  /// of isomorphic architectures the space's normal form stays.
  Architecture canonical(const Architecture& arch) const;
  /// Whether different architectures without idle choices can compute the same function.
  bool has_normal_form() const { return normal_form_ != nullptr; }

  /// Where the space is not priced by cost tables.
  const std::optional<ListedSpace>& listed() const { return listed_; }

  /// The same space with the allowed options of each decision alone, where the decision has an effect: a constraint,
  /// which random() and the cost table keep to. @throws UsageError as CostTable::restrict_to, and of a listed space.
  SearchSpace restricted(std::vector<std::vector<std::uint16_t>> allowed) const;

  /// The network of a selection. About 50 microseconds for a hundred layers.
  NetworkGraph build(const Selection& selection, const InputShape& input) const;
  /// Every layer of every subnet, its dimensions as tables over the decisions.
  NetworkGraph build_everything(const InputShape& input) const;
  /// Of a listed space it builds the network of every query, and refers to this space.
  CostTable cost_table(const InputShape& input) const;

  /// The field's notation, of the canonical form. parse(to_string(a)) == canonical(a).
  std::string to_string(const Architecture& arch) const;
  /// Reads the notation or the JSON form; canonical. @throws InvalidArchitecture.
  Architecture parse(std::string_view text) const;
  /// The same two without the normal form: the network as it is written, dead operations included.
  std::string to_string_as_written(const Architecture& arch) const;
  Architecture parse_as_written(std::string_view text) const;
  /// {"decision": "option", ...} without the decisions that have no effect.
  nlohmann::json to_json(const Architecture& arch) const;

  /// Every option equally likely for every decision, among what meets the constraints; canonical.
  Architecture random(Rng& rng) const;

 private:
  void validate_options(const Architecture& arch) const;
  Architecture without_idle_choices(const Architecture& arch) const;

  std::string name_;
  InputShape default_input_;
  NetworkFunction network_;
  Notation notation_;
  NormalForm normal_form_;
  std::optional<ListedSpace> listed_;
  std::vector<Decision> decisions_;
  std::vector<Dim> activity_;
  std::vector<Constraint> constraints_;
  std::vector<std::vector<std::uint16_t>> allowed_;  ///< options of each decision; empty: all
  std::unordered_map<std::string, std::uint16_t> index_;
};

}  // namespace frontier
