#include "supernet/soft.h"

#include <torch/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

#include "common/text.h"
#include "supernet/numbers.h"

namespace frontier {

struct Gates::State {
  std::vector<std::string> names;
  std::vector<at::Tensor> gates;
  std::vector<double> values;      ///< of all gates
  std::vector<std::size_t> first;  ///< of a decision's in `values`; one entry more than decisions
  std::vector<std::vector<std::uint16_t>> selected;
  std::optional<at::TensorOptions> options;  ///< of the gates, if there are any
};

namespace {

template <class... Parts>
std::logic_error error(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return std::logic_error(text.str());
}

std::string quoted(const std::string& decision) { return "decision '" + decision + "'"; }

std::vector<std::uint16_t> all_options(const Decision& decision) {
  std::vector<std::uint16_t> options(decision.options.size());
  std::iota(options.begin(), options.end(), std::uint16_t{0});
  return options;
}

/// @param first the first gate of all, undefined if this is it.
void check_gate(const Decision& decision, const at::Tensor& gate, const at::Tensor& first) {
  const auto options = static_cast<std::int64_t>(decision.options.size());
  if (gate.dim() != 1 || gate.size(0) != options)
    throw error("the gates of ", quoted(decision.name), " have shape ", gate.sizes(), ", not [", options,
                "]: one for each option");
  if (!at::isFloatingType(gate.scalar_type()))
    throw error("the gates of ", quoted(decision.name), " have type ", gate.scalar_type(), ", not a floating one");
  if (first.defined() && (gate.scalar_type() != first.scalar_type() || gate.device() != first.device()))
    throw error("the gates of ", quoted(decision.name), " are ", gate.scalar_type(), " on ", gate.device(),
                ", others are ", first.scalar_type(), " on ", first.device());
}

void check_unselected(const Decision& decision, std::span<const double> values,
                      const std::vector<std::uint16_t>& selected) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!std::binary_search(selected.begin(), selected.end(), i) && values[i] != 0)
      throw error(quoted(decision.name), " has a gate of ", values[i], " for option '", decision.options[i],
                  "', which is not selected");
}

void require_fits(const Site& site, const at::Tensor& weight) {
  if (!weight.defined()) throw error("site '", site.name, "' has weights that are undefined");
  if (weight.dim() != 1 || weight.size(0) != static_cast<std::int64_t>(site.inputs))
    throw error("the weights of site '", site.name, "' have shape ", weight.sizes(), ", not [", site.inputs,
                "]: one for each of its inputs in the whole space");
}

std::vector<double> read(const std::vector<at::Tensor>& gates) {
  std::vector<at::Tensor> defined;
  for (const auto& gate : gates)
    if (gate.defined()) defined.push_back(gate.detach());
  if (defined.empty()) return {};
  return numbers_of(at::cat(defined));
}

}  // namespace

Gates::Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates)
    : Gates(decisions, std::move(gates), nullptr) {}

Gates::Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates, const Selection& selection)
    : Gates(decisions, std::move(gates), &selection) {}

Gates::Gates(std::span<const Decision> decisions, std::vector<at::Tensor> gates, const Selection* selection) {
  if (gates.size() != decisions.size())
    throw error("there are gates for ", gates.size(), " decisions, not for ", decisions.size());
  if (selection && selection->decisions().size() != decisions.size())
    throw error("the selection is of ", selection->decisions().size(), " decisions, not of ", decisions.size());
  auto state = std::make_shared<State>();
  state->first = {0};
  at::Tensor first;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    state->names.push_back(decisions[d].name);
    state->selected.push_back(selection ? (*selection)[d].options : all_options(decisions[d]));
    if (gates[d].defined()) {
      check_gate(decisions[d], gates[d], first);
      if (!first.defined()) first = gates[d];
    } else if (selection && !(*selection)[d].is_hard()) {
      throw error(quoted(decisions[d].name), " selects ", state->selected[d].size(), " options without gates");
    }
    state->first.push_back(state->first[d] + (gates[d].defined() ? decisions[d].options.size() : 0));
  }
  state->values = read(gates);
  state->gates = std::move(gates);
  if (first.defined()) state->options = first.options();
  state_ = std::move(state);
  for (std::size_t d = 0; d < decisions.size(); ++d) check_unselected(decisions[d], values(d), state_->selected[d]);
}

Gates Gates::one_hot(std::span<const Decision> decisions, const Architecture& arch, at::ScalarType type) {
  if (arch.choices.size() != decisions.size())
    throw error("there are choices for ", arch.choices.size(), " decisions, not for ", decisions.size());
  std::vector<at::Tensor> gates;
  for (std::size_t d = 0; d < decisions.size(); ++d) {
    const std::size_t options = decisions[d].options.size();
    if (arch.choices[d] >= options)
      throw error(quoted(decisions[d].name), " has ", options, " options; there is no option ", arch.choices[d]);
    gates.push_back(at::zeros({static_cast<std::int64_t>(options)}, type));
    gates.back().narrow(0, arch.choices[d], 1).fill_(1);
  }
  return {decisions, std::move(gates)};
}

const at::Tensor& Gates::operator[](std::size_t decision) const {
  static const at::Tensor kHard;
  return state_ ? state_->gates.at(decision) : kHard;
}

std::span<const double> Gates::values(std::size_t decision) const {
  if (!state_) return {};
  return std::span(state_->values)
      .subspan(state_->first.at(decision), state_->first.at(decision + 1) - state_->first[decision]);
}

std::span<const std::uint16_t> Gates::selected(std::size_t decision) const {
  if (!state_) return {};
  return state_->selected.at(decision);
}

std::string Gates::describe(std::size_t decision) const {
  return state_ && decision < state_->names.size() ? quoted(state_->names[decision])
                                                   : "decision number " + std::to_string(decision);
}

at::TensorOptions Gates::options() const {
  if (state_ && state_->options) return *state_->options;
  if (sites_ && !sites_->empty()) return sites_->begin()->second.options();
  return at::TensorOptions(at::kCPU).dtype(at::kFloat);
}

Gates Gates::with_sites(std::span<const Site> sites, std::map<std::string, at::Tensor, std::less<>> weights) const {
  Gates gates = *this;
  gates.sites_ = nullptr;
  const at::TensorOptions wanted = state_ && state_->options ? *state_->options
                                   : weights.empty()         ? options()
                                                             : weights.begin()->second.options();
  for (const auto& [name, weight] : weights) {
    const auto site = std::find_if(sites.begin(), sites.end(), [&](const Site& s) { return s.name == name; });
    if (site == sites.end()) {
      std::vector<std::string> names;
      for (const Site& known : sites) names.push_back(known.name);
      throw std::logic_error(unknown_name("site", name, names));
    }
    require_fits(*site, weight);
    if (!at::isFloatingType(weight.scalar_type()) ||
        weight.scalar_type() != c10::typeMetaToScalarType(wanted.dtype()) || weight.device() != wanted.device())
      throw error("the weights of site '", name, "' are ", weight.scalar_type(), " on ", weight.device(),
                  ", the gates or other weights ", c10::typeMetaToScalarType(wanted.dtype()), " on ", wanted.device());
  }
  gates.sites_ = std::make_shared<const std::map<std::string, at::Tensor, std::less<>>>(std::move(weights));
  return gates;
}

const at::Tensor& Gates::site(std::string_view name) const {
  static const at::Tensor kNone;
  if (!sites_) return kNone;
  const auto it = sites_->find(name);
  return it == sites_->end() ? kNone : it->second;
}

namespace soft {
namespace {

/// Diagrams as one list, each place behind those it leads to, and each once.
class Diagrams {
 public:
  struct Place {
    std::int64_t value;      ///< of one without branches
    std::uint16_t decision;  ///< of one with branches: `count` of branches(), from `first` on
    std::size_t first, count;
  };
  /// @return its place
  std::size_t add(const Dim& dim) {
    const auto known = known_.find(dim);
    if (known != known_.end()) return known->second;
    Place place{0, 0, 0, 0};
    if (dim.is_constant()) {
      place.value = dim.value();
    } else {
      std::vector<std::size_t> branches;
      for (const Dim& branch : dim.branches()) branches.push_back(add(branch));
      place = {0, dim.first_decision(), branches_.size(), branches.size()};
      branches_.insert(branches_.end(), branches.begin(), branches.end());
    }
    places_.push_back(place);
    known_.emplace(dim, places_.size() - 1);
    return places_.size() - 1;
  }
  std::span<const Place> places() const { return places_; }
  std::span<const std::size_t> branches() const { return branches_; }

 private:
  struct Hash {
    std::size_t operator()(const Dim& dim) const { return dim.identity(); }
  };
  struct Same {
    bool operator()(const Dim& a, const Dim& b) const { return is_identical(a, b); }
  };
  std::vector<Place> places_;
  std::vector<std::size_t> branches_;
  std::unordered_map<Dim, std::size_t, Hash, Same> known_;
};

/// Diagrams with the gates that they ask for.
class GatedDiagrams {
 public:
  GatedDiagrams(std::shared_ptr<const Diagrams> diagrams, const Gates& gates)
      : diagrams_(std::move(diagrams)), options_(gates.options()) {
    std::unordered_map<std::uint16_t, std::size_t> first;
    for (const auto& place : diagrams_->places())
      if (place.count > 0) first.emplace(place.decision, 0);
    for (const auto& [decision, unset] : first) decisions_.push_back(decision);
    std::sort(decisions_.begin(), decisions_.end());
    for (const auto decision : decisions_) {
      first[decision] = gates_.size();
      const auto values = gates.values(decision);
      gates_.insert(gates_.end(), values.begin(), values.end());
      sizes_.push_back(static_cast<std::int64_t>(values.size()));
    }
    for (const auto& place : diagrams_->places())
      for (std::size_t i = 0; i < place.count; ++i)
        gate_.push_back(first[place.decision] + option(gates, place.decision, i, place.count));
  }

  /// Those that it depends on, ascending.
  std::span<const std::uint16_t> decisions() const { return decisions_; }
  const at::TensorOptions& options() const { return options_; }

  /// What every place is worth. @param value(v): of a place without branches that holds v.
  template <class Value>
  std::vector<double> values(const Value& value) const {
    const auto places = diagrams_->places();
    std::vector<double> values(places.size());
    for (std::size_t p = 0; p < places.size(); ++p) {
      if (places[p].count == 0) values[p] = value(places[p].value);
      for_branches(places[p],
                   [&](std::size_t branch, std::size_t gate) { values[p] += gates_[gate] * values[branch]; });
    }
    return values;
  }

  /// In place: from how often every diagram counts to how often each of its places does.
  void spread(std::vector<double>& counts) const {
    const auto places = diagrams_->places();
    for (std::size_t p = places.size(); p-- > 0;)
      for_branches(places[p],
                   [&](std::size_t branch, std::size_t gate) { counts[branch] += gates_[gate] * counts[p]; });
  }

  /// By the gates of decisions(), one after the other. @param counts spread.
  std::vector<double> gradient(const std::vector<double>& values, const std::vector<double>& counts) const {
    const auto places = diagrams_->places();
    std::vector<double> gradient(gates_.size());
    for (std::size_t p = 0; p < places.size(); ++p)
      for_branches(places[p],
                   [&](std::size_t branch, std::size_t gate) { gradient[gate] += counts[p] * values[branch]; });
    return gradient;
  }
  /// A gradient as tensors, each like its gates.
  std::vector<at::Tensor> like_gates(std::vector<double> gradient) const {
    const at::Tensor flat = at::from_blob(gradient.data(), {static_cast<std::int64_t>(gradient.size())}, at::kDouble);
    return flat.to(options_, false, true).split_with_sizes(sizes_);
  }

  std::span<const Diagrams::Place> places() const { return diagrams_->places(); }

 private:
  static std::size_t option(const Gates& gates, std::uint16_t decision, std::size_t branch, std::size_t branches) {
    if (gates.values(decision).empty())
      throw error("a dimension depends on ", gates.describe(decision), ", which has no gates");
    if (branches == gates.values(decision).size()) return branch;
    if (branches == gates.selected(decision).size()) return gates.selected(decision)[branch];
    throw error("a dimension has ", branches, " branches for ", gates.describe(decision), ", which has ",
                gates.values(decision).size(), " options, ", gates.selected(decision).size(), " of them selected");
  }
  template <class Visit>
  void for_branches(const Diagrams::Place& place, const Visit& visit) const {
    for (std::size_t i = place.first; i < place.first + place.count; ++i) visit(diagrams_->branches()[i], gate_[i]);
  }

  std::shared_ptr<const Diagrams> diagrams_;
  at::TensorOptions options_;
  std::vector<std::uint16_t> decisions_;
  std::vector<double> gates_;        ///< of decisions()
  std::vector<std::int64_t> sizes_;  ///< gates of each of decisions()
  std::vector<std::size_t> gate_;    ///< of every branch: its place in gates_
};

/// A vector that is linear in every gate, and what its gradient is.
class Readout : public torch::CustomClassHolder {
 public:
  virtual std::vector<double> value() const = 0;
  /// By the gates of diagrams().decisions(), one after the other. @param by_value of the result, as long as value()
  virtual std::vector<double> gradient(std::span<const double> by_value) const = 0;
  virtual const GatedDiagrams& diagrams() const = 0;
};

/// Sums of diagrams.
class Sums : public Readout {
 public:
  struct Sum {
    double constant = 0;
    std::vector<std::size_t> terms;  ///< places
  };
  Sums(GatedDiagrams diagrams, std::vector<Sum> sums) : diagrams_(std::move(diagrams)), sums_(std::move(sums)) {}

  std::vector<double> value() const override {
    const auto values = place_values();
    std::vector<double> results;
    for (const auto& sum : sums_) {
      results.push_back(sum.constant);
      for (const auto term : sum.terms) results.back() += values[term];
    }
    return results;
  }
  std::vector<double> gradient(std::span<const double> by_value) const override {
    std::vector<double> counts(diagrams_.places().size());
    for (std::size_t i = 0; i < sums_.size(); ++i)
      for (const auto term : sums_[i].terms) counts[term] += by_value[i];
    diagrams_.spread(counts);
    return diagrams_.gradient(place_values(), counts);
  }
  const GatedDiagrams& diagrams() const override { return diagrams_; }

 private:
  std::vector<double> place_values() const {
    return diagrams_.values([](std::int64_t value) { return static_cast<double>(value); });
  }
  GatedDiagrams diagrams_;
  std::vector<Sum> sums_;
};

/// The probabilities of c < dim. Their sum weighted by g is the expectation of g's sum over the first `dim` places.
class Prefix : public Readout {
 public:
  /// @param diagrams of one number: the last place.
  Prefix(GatedDiagrams diagrams, std::size_t size) : diagrams_(std::move(diagrams)), size_(size) {}

  std::vector<double> value() const override {
    const auto probability = counts();
    std::vector<double> mask(size_ + 1);
    for (std::size_t p = 0; p < probability.size(); ++p)
      if (diagrams_.places()[p].count == 0) mask[length(diagrams_.places()[p].value)] += probability[p];
    for (std::size_t c = size_; c-- > 0;) mask[c] += mask[c + 1];  // of dim >= c
    mask.erase(mask.begin());
    return mask;
  }
  std::vector<double> gradient(std::span<const double> by_value) const override {
    std::vector<double> sums(size_ + 1);
    std::partial_sum(by_value.begin(), by_value.end(), sums.begin() + 1);
    return diagrams_.gradient(diagrams_.values([&](std::int64_t value) { return sums[length(value)]; }), counts());
  }
  const GatedDiagrams& diagrams() const override { return diagrams_; }

 private:
  std::vector<double> counts() const {
    std::vector<double> counts(diagrams_.places().size());
    counts.back() = 1;
    diagrams_.spread(counts);
    return counts;
  }
  static std::size_t length(std::int64_t value) { return static_cast<std::size_t>(std::max<std::int64_t>(value, 0)); }

  GatedDiagrams diagrams_;
  std::size_t size_;
};

using ReadoutPtr = c10::intrusive_ptr<Readout>;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// The gradients by the gates; they have none themselves.
class GradientNode : public torch::autograd::Function<GradientNode> {
 public:
  static variable_list forward(AutogradContext*, const ReadoutPtr& readout, const at::Tensor& by_value,
                               at::TensorList) {
    const at::Tensor weights = by_value.to(at::TensorOptions(at::kCPU).dtype(at::kDouble)).contiguous();
    const std::span view(weights.const_data_ptr<double>(), static_cast<std::size_t>(weights.numel()));
    return readout->diagrams().like_gates(readout->gradient(view));
  }
  static variable_list backward(AutogradContext*, const variable_list&) {
    throw std::logic_error("expectations under gates can be differentiated once, not twice");
  }
};

class ReadoutNode : public torch::autograd::Function<ReadoutNode> {
 public:
  static at::Tensor forward(AutogradContext* context, const ReadoutPtr& readout, at::IntArrayRef shape,
                            at::ScalarType type, at::TensorList gates) {
    context->saved_data["readout"] = c10::IValue::make_capsule(readout);
    context->save_for_backward(gates.vec());
    std::vector<double> value = readout->value();
    return at::from_blob(value.data(), shape, at::kDouble).to(readout->diagrams().options().dtype(type), false, true);
  }
  static variable_list backward(AutogradContext* context, const variable_list& by_value) {
    const auto readout = c10::static_intrusive_pointer_cast<Readout>(context->saved_data["readout"].toCapsule());
    const variable_list gates = context->get_saved_variables();
    variable_list gradients = GradientNode::apply(readout, by_value[0], at::TensorList(gates));
    gradients.insert(gradients.begin(), 3, at::Tensor());  // readout, shape, type
    return gradients;
  }
};

at::Tensor apply(const ReadoutPtr& readout, at::IntArrayRef shape, at::ScalarType type, const Gates& gates) {
  std::vector<at::Tensor> tensors;
  for (const auto decision : readout->diagrams().decisions()) tensors.push_back(gates[decision]);
  return ReadoutNode::apply(readout, shape, type, at::TensorList(tensors));
}

Sums::Sum add(Diagrams& diagrams, const CostSum& sum) {
  Sums::Sum result{static_cast<double>(sum.constant()), {}};
  for (const Dim& factor : sum.factors()) result.terms.push_back(diagrams.add(factor));
  return result;
}

ReadoutPtr sums(Diagrams diagrams, std::vector<Sums::Sum> sums, const Gates& gates) {
  return c10::make_intrusive<Sums>(GatedDiagrams(std::make_shared<const Diagrams>(std::move(diagrams)), gates),
                                   std::move(sums));
}

}  // namespace

at::Tensor expectation(const Dim& dim, const Gates& gates) {
  Diagrams diagrams;
  const std::size_t place = diagrams.add(dim);
  return apply(sums(std::move(diagrams), {{0, {place}}}, gates), {}, at::kDouble, gates);
}

at::Tensor expectation(const CostSum& sum, const Gates& gates) {
  Diagrams diagrams;
  auto terms = add(diagrams, sum);
  return apply(sums(std::move(diagrams), {std::move(terms)}, gates), {}, at::kDouble, gates);
}

struct ExpectedCost::Prepared {
  std::shared_ptr<const Diagrams> diagrams;
  std::vector<Sums::Sum> sums;
};

ExpectedCost::ExpectedCost(const CostTable& table) {
  if (!table.has_sums()) throw std::logic_error("a space that is priced network by network has no expected cost");
  Diagrams diagrams;
  std::vector<Sums::Sum> sums = {add(diagrams, table.macs_sum()), add(diagrams, table.params_sum())};
  prepared_ = std::make_shared<const Prepared>(
      Prepared{std::make_shared<const Diagrams>(std::move(diagrams)), std::move(sums)});
}

at::Tensor ExpectedCost::operator()(const Gates& gates) const {
  const auto readout = c10::make_intrusive<Sums>(GatedDiagrams(prepared_->diagrams, gates), prepared_->sums);
  return apply(readout, {2}, at::kDouble, gates);
}

at::Tensor expectation(const CostTable& table, const Gates& gates) { return ExpectedCost(table)(gates); }

at::Tensor expectations(std::span<const Dim> dims, const Gates& gates) {
  Diagrams diagrams;
  std::vector<Sums::Sum> each;
  for (const Dim& dim : dims) each.push_back({0, {diagrams.add(dim)}});
  return apply(sums(std::move(diagrams), std::move(each), gates), {static_cast<std::int64_t>(dims.size())},
               c10::typeMetaToScalarType(gates.options().dtype()), gates);
}

at::Tensor prefix(const Dim& dim, const Gates& gates, std::int64_t size) {
  if (dim.max() > size) throw error("a mask of ", size, " places for a dimension of up to ", dim.max());
  Diagrams diagrams;
  diagrams.add(dim);
  const auto readout = c10::make_intrusive<Prefix>(
      GatedDiagrams(std::make_shared<const Diagrams>(std::move(diagrams)), gates), static_cast<std::size_t>(size));
  return apply(readout, {size}, c10::typeMetaToScalarType(gates.options().dtype()), gates);
}

}  // namespace soft
}  // namespace frontier
