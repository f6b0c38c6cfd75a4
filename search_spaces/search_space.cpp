#include "search_spaces/search_space.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr int kMostDraws = 1'000'000;

std::string print_labels(std::span<const Decision> decisions, const Architecture& arch) {
  std::string text;
  for (std::size_t d = 0; d < decisions.size(); ++d) text += (d ? "," : "") + decisions[d].options[arch.choices[d]];
  return text;
}

std::uint16_t option_index(const Decision& decision, std::string_view label, const std::string& where) {
  const auto option = decision.find(label);
  if (!option)
    throw InvalidArchitecture(where + ": '" + printable(label) + "' is not an option of '" + decision.name +
                              "'; allowed: " + join(decision.options));
  return *option;
}

Architecture parse_labels(std::span<const Decision> decisions, std::string_view text) {
  const auto labels = split(text, ',');
  if (labels.size() != decisions.size())
    throw InvalidArchitecture("architecture '" + printable(text) + "' has " + std::to_string(labels.size()) +
                              " options, the space has " + std::to_string(decisions.size()) + " decisions");
  Architecture arch;
  for (std::size_t d = 0; d < decisions.size(); ++d)
    arch.choices.push_back(
        option_index(decisions[d], trim(labels[d]), "architecture, option " + std::to_string(d + 1)));
  return arch;
}

}  // namespace

SearchSpace::SearchSpace(std::string name, InputShape default_input, NetworkFunction network, Notation notation,
                         NormalForm normal_form, std::optional<ListedSpace> listed)
    : name_(std::move(name)),
      default_input_(default_input),
      network_(std::move(network)),
      notation_(std::move(notation)),
      normal_form_(std::move(normal_form)),
      listed_(std::move(listed)) {
  if (!notation_.print) notation_ = {print_labels, parse_labels};
  Builder builder(default_input_);
  builder.finish(network_(builder, builder.input(), default_input_.classes));
  decisions_ = builder.take_decisions();
  activity_ = builder.take_activity();
  constraints_ = builder.take_constraints();
  for (std::size_t d = 0; d < decisions_.size(); ++d) index_.emplace(decisions_[d].name, static_cast<std::uint16_t>(d));
}

std::size_t SearchSpace::decision_index(std::string_view decision) const {
  if (const auto it = index_.find(std::string(decision)); it != index_.end()) return it->second;
  std::vector<std::string> names;
  for (const auto& d : decisions_) names.push_back(d.name);
  throw InvalidArchitecture(unknown_name("decision of " + name_, decision, names));
}

void SearchSpace::validate(const Architecture& arch) const {
  validate_options(arch);
  for (const auto& constraint : constraints_)
    if (constraint.holds.at(arch) == 0) throw InvalidArchitecture("architecture, " + constraint.message);
  if (listed_)
    if (const auto objection = listed_->objection(arch)) throw InvalidArchitecture(*objection);
}

bool SearchSpace::meets_constraints(const Architecture& arch) const {
  return std::all_of(constraints_.begin(), constraints_.end(), [&](const auto& c) { return c.holds.at(arch) != 0; }) &&
         !(listed_ && listed_->objection(arch));
}

void SearchSpace::validate_options(const Architecture& arch) const {
  if (arch.choices.size() != decisions_.size())
    throw InvalidArchitecture("architecture has " + std::to_string(arch.choices.size()) + " choices, '" + name_ +
                              "' has " + std::to_string(decisions_.size()) + " decisions");
  for (std::size_t d = 0; d < decisions_.size(); ++d)
    if (arch.choices[d] >= decisions_[d].options.size())
      throw InvalidArchitecture("choice " + std::to_string(arch.choices[d]) + " of '" + decisions_[d].name +
                                "' is out of range; its " + std::to_string(decisions_[d].options.size()) +
                                " options are " + join(decisions_[d].options));
}

Architecture SearchSpace::canonical(const Architecture& arch) const {
  const Architecture plain = without_idle_choices(arch);
  return normal_form_ ? normal_form_(decisions_, plain) : plain;
}

Architecture SearchSpace::without_idle_choices(const Architecture& arch) const {
  validate(arch);
  Architecture result = arch;
  // An inactive decision may carry others with it (a choice inside a branch inside a block); repeat until nothing
  // changes.
  for (bool changed = true; changed;) {
    changed = false;
    for (std::size_t d = 0; d < decisions_.size(); ++d) {
      if (result.choices[d] == 0 || activity_[d].at(result) != 0) continue;
      result.choices[d] = 0;
      changed = true;
    }
  }
  return result;
}

NetworkGraph SearchSpace::build(const Selection& selection, const InputShape& input) const {
  if (selection.decisions().size() != decisions_.size())
    throw InvalidArchitecture("selection has " + std::to_string(selection.decisions().size()) + " decisions, '" +
                              name_ + "' has " + std::to_string(decisions_.size()));
  for (std::size_t d = 0; d < decisions_.size(); ++d) {
    const auto& options = selection[d].options;
    if (options.empty() || !std::is_sorted(options.begin(), options.end(), std::less_equal<>()) ||
        options.back() >= decisions_[d].options.size())
      throw InvalidArchitecture("selection of '" + decisions_[d].name + "' must name options 0 to " +
                                std::to_string(decisions_[d].options.size() - 1) + ", ascending, each once");
  }
  if (listed_ && !selection.is_hard())
    throw std::logic_error("'" + name_ +
                           "' has no soft networks: the layers of its networks are functions of too many decisions at "
                           "once; select one option of every decision");
  Builder builder(input, index_, selection);
  return builder.finish(network_(builder, builder.input(), input.classes));
}

NetworkGraph SearchSpace::build_everything(const InputShape& input) const {
  Builder builder(input);
  return builder.finish(network_(builder, builder.input(), input.classes));
}

CostTable SearchSpace::cost_table(const InputShape& input) const {
  if (listed_)
    return CostTable(decisions_, [this, input](const Architecture& arch) { return cost(build(arch, input)); });
  std::vector<Dim> conditions;
  for (const auto& constraint : constraints_) conditions.push_back(constraint.holds);
  return CostTable(build_everything(input), decisions_, activity_, std::move(conditions));
}

std::string SearchSpace::to_string(const Architecture& arch) const {
  return notation_.print(decisions_, canonical(arch));
}
std::string SearchSpace::to_string_as_written(const Architecture& arch) const {
  return notation_.print(decisions_, without_idle_choices(arch));
}

Architecture SearchSpace::parse(std::string_view text) const { return canonical(parse_as_written(text)); }

Architecture SearchSpace::parse_as_written(std::string_view text) const {
  text = trim(text);
  if (text.size() > 100'000) throw InvalidArchitecture("architecture text is longer than 100,000 characters");
  if (text.empty() || text.front() != '{') return without_idle_choices(notation_.parse(decisions_, text));
  const nlohmann::json json = parse_json(text, "architecture");
  Architecture arch;
  arch.choices.assign(decisions_.size(), 0);
  std::vector<bool> given(decisions_.size(), false);
  for (const auto& [key, value] : json.items()) {
    const std::size_t d = decision_index(key);
    const std::string label = value.is_string() ? value.get<std::string>() : value.dump();
    arch.choices[d] = option_index(decisions_[d], label, "architecture");
    given[d] = true;
  }
  for (std::size_t d = 0; d < decisions_.size(); ++d)
    if (!given[d] && activity_[d].at(arch) != 0)
      throw InvalidArchitecture("architecture does not say '" + decisions_[d].name +
                                "'; options: " + join(decisions_[d].options));
  return without_idle_choices(arch);
}

nlohmann::json SearchSpace::to_json(const Architecture& arch) const {
  const Architecture c = canonical(arch);
  nlohmann::json json = nlohmann::json::object();
  for (std::size_t d = 0; d < decisions_.size(); ++d)
    if (activity_[d].at(c) != 0) json[decisions_[d].name] = decisions_[d].options[c.choices[d]];
  return json;
}

SearchSpace SearchSpace::restricted(std::vector<std::vector<std::uint16_t>> allowed) const {
  if (listed_) throw UsageError("the networks of '" + name_ + "' are listed; its options cannot be restricted");
  SearchSpace left = *this;
  const std::vector<Dim> conditions = conditions_of(decisions_, activity_, allowed);
  for (std::size_t d = 0; d < decisions_.size(); ++d)
    if (!conditions[d].is_constant())
      left.constraints_.push_back({conditions[d], "an option of '" + decisions_[d].name + "' that is left out here"});
  left.allowed_ = std::move(allowed);
  return left;
}

Architecture SearchSpace::random(Rng& rng) const {
  Architecture arch;
  arch.choices.resize(decisions_.size());
  for (int tries = 0; tries < kMostDraws; ++tries) {
    for (std::size_t d = 0; d < decisions_.size(); ++d)
      arch.choices[d] = allowed_.empty() ? static_cast<std::uint16_t>(rng.below(decisions_[d].options.size()))
                                         : allowed_[d][rng.below(allowed_[d].size())];
    if (meets_constraints(arch)) return canonical(arch);
  }
  throw Error("no architecture that meets the constraints of '" + name_ + "' was found in " +
              std::to_string(kMostDraws) + " draws");
}

}  // namespace frontier
