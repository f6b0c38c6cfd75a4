#include "supernet/samplers/shiftnas.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "common/weighted_draw.h"
#include "supernet/numbers.h"
#include "supernet/samplers/gumbel.h"

namespace frontier {
namespace {

constexpr const char* kGenerator = "generator";
constexpr const char* kBins = "bins";
constexpr const char* kBefore = "before_shift";
constexpr std::size_t kMostCurves = 16;

const std::shared_ptr<const SearchSpace>& priced(const std::shared_ptr<const SearchSpace>& space) {
  if (space->listed())
    throw UsageError("sampler 'shiftnas' learns through what options cost; the networks of '" + space->name() +
                     "' are listed and priced one by one");
  return space;
}

std::vector<bool> maskable_decisions(const SearchSpace& space, const InputShape& input, const Architecture& arch) {
  std::vector<bool> maskable;
  for (std::size_t d = 0; d < space.decisions().size(); ++d) {
    const Selection hard(arch);
    std::vector<SelectedOptions> selected(hard.decisions().begin(), hard.decisions().end());
    const Decision& decision = space.decisions()[d];
    selected[d] = Selection::everything(space.decisions())[d];
    maskable.push_back(decision.options.size() > 1);
    try {
      space.build(Selection(std::move(selected)), input);
    } catch (const std::logic_error&) {  // softness has no meaning there: sides of images
      maskable.back() = false;
    }
  }
  return maskable;
}

std::vector<Parameter> bin_parameters(std::size_t bins) {
  return {{.name = kBins, .shape = {static_cast<std::int64_t>(bins)}, .group = kBins, .initializer = {"zero"}}};
}

}  // namespace

ShiftNasSampler::ShiftNasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input,
                                 const Options& options, const Rng& rng)
    : space_(priced(space)),
      options_(options),
      bins_(*space_, input, options),
      expected_cost_(bins_.all().table()),
      maskable_(maskable_decisions(*space_, input, bins_.all().most_macs().arch)),
      generator_(space_->decisions(), options.generator, rng),
      bin_logits_(bin_parameters(bins_.size()), rng) {}

std::optional<Work> ShiftNasSampler::next(const StepContext& context, Rng& rng) {
  if (context.works == 0) return training(rng);
  if (!is_shift_due(context)) return std::nullopt;
  if (!kept_) return Work{.subnets = {}, .then_step = {}, .then_keep = kBefore};  // nothing to compare with yet
  if (context.works == 2 && context.outcomes[1].empty()) return std::nullopt;     // that was this step
  if (options_.estimate == "draw") {
    if (context.works == 1) noise_ = Rng(rng.next());
    return context.works < 3 ? std::optional(through_a_draw(context.works == 1)) : std::nullopt;
  }
  if (context.works < 3) return watching(context.works == 1);
  return context.works == 3 ? std::optional(shifting(context)) : std::nullopt;
}

void ShiftNasSampler::observe(const Work& work, std::span<const Outcome>) {
  if (work.then_keep == kBefore) kept_ = true;
}

/// The first step of each of so many equal parts of what comes behind the warm-up.
bool ShiftNasSampler::is_shift_due(const StepContext& context) const {
  const auto total = static_cast<double>(context.total_steps), warm = std::floor(options_.warmup_share * total);
  const auto step = static_cast<double>(context.step);
  if (options_.shifts == 0 || step < warm) return false;
  const double parts = static_cast<double>(options_.shifts) + 1;
  const auto part = [&](double at) { return std::floor((at - warm) * parts / (total - warm)); };
  return step == warm || part(step) != part(step - 1);
}

Work ShiftNasSampler::training(Rng& rng) {
  const Limit& window = bins_.window(draw_weighted(bin_probabilities(), rng));
  cost_ =
      static_cast<double>(*window.at_least) + rng.uniform() * static_cast<double>(*window.at_most - *window.at_least);
  const auto policies = valid(generator_.draw(
      at::full({}, bins_.place(cost_), generator_.parameters().values().options()), options_.temperature, rng));
  cost_gates_.emplace(space_->decisions(), policies.gates);
  entropy_ = policies.entropy;
  return {
      .subnets = {candidate(policies)}, .learn = Learn::kWeights | Learn::kGates, .then_step = {"weights", kGenerator}};
}

/// @returns the policies, of which those are moved to other options that must be for the architecture to be a network.
ArchitectureGenerator::Policies ShiftNasSampler::valid(ArchitectureGenerator::Policies policies) const {
  if (bins_.all().table().admits(policies.arch)) return policies;
  constexpr double kChosen = 1e3;  // of an option that need not move: more than all logarithms together
  auto scores = policies.scores;
  for (std::size_t d = 0; d < scores.size(); ++d) scores[d][policies.arch.choices[d]] += kChosen;
  const Architecture nearest = bins_.all().best(scores);
  for (std::size_t d = 0; d < policies.gates.size(); ++d) {
    if (nearest.choices[d] == policies.arch.choices[d]) continue;
    at::Tensor& gate = policies.gates[d];
    gate =
        one_hot(gate.numel(), at::scalar_tensor(nearest.choices[d], gate.options().dtype(at::kLong)), gate.options()) +
        (gate - gate.detach());
  }
  policies.arch = nearest;
  return policies;
}

Candidate ShiftNasSampler::candidate(const ArchitectureGenerator::Policies& policies) const {
  std::vector<at::Tensor> gates;
  std::vector<SelectedOptions> selected;
  const Selection everything = Selection::everything(space_->decisions());
  for (std::size_t d = 0; d < maskable_.size(); ++d) {
    gates.push_back(maskable_[d] ? policies.gates[d] : at::Tensor());
    if (maskable_[d] && options_.masks == "all") {
      selected.push_back(everything[d]);
    } else {
      selected.push_back({.options = {policies.arch.choices[d]}, .gated = maskable_[d]});
    }
  }
  Selection selection(std::move(selected));
  Gates of_network(space_->decisions(), std::move(gates), selection);
  return {std::move(selection), std::move(of_network)};
}

at::Tensor ShiftNasSampler::penalty(const Work& work, const Candidate&) {
  if (work.stream != Stream::kTrain) return {};
  const at::Tensor expected = expected_cost_(*cost_gates_)[options_.price == "params" ? 1 : 0];
  const at::Tensor off = bins_.place(expected) - bins_.place(cost_);
  return (options_.cost_weight * off.square()).to(at::kFloat) - options_.entropy_weight * entropy_;
}

Architecture ShiftNasSampler::likeliest(double cost) const {
  return space_->canonical(valid(generator_.likeliest(bins_.place(cost))).arch);
}

std::vector<std::vector<double>> ShiftNasSampler::scores(double cost, Rng* noise) const {
  return (noise ? generator_.drawn(bins_.place(cost), *noise) : generator_.likeliest(bins_.place(cost))).scores;
}

Work ShiftNasSampler::watching(bool before) const {
  Work work{.subnets = {},
            .stream = Stream::kHeldOut,
            .learn = Learn::kNothing,
            .weights = before ? kBefore : "",
            .then_step = {}};
  for (std::size_t bin = 0; bin < bins_.size(); ++bin) work.subnets.push_back({likeliest(bins_.centre(bin))});
  return work;
}

/// J = sum over bins of y D, y = softmax(logits), D = the change of the loss since the last shift; its gradient.
Work ShiftNasSampler::shifting(const StepContext& context) {
  const auto losses = [](const std::vector<Outcome>& outcomes) {
    std::vector<at::Tensor> all;
    for (const Outcome& outcome : outcomes) all.push_back(outcome.loss);
    return at::stack(all).to(at::kDouble);
  };
  const at::Tensor now = losses(context.outcomes[2]);
  at::Tensor change = now - losses(context.outcomes[1]);
  if (options_.signal == "absolute") change = -change.abs();
  if (options_.signal == "relative") change = change / now;
  const at::Tensor y = at::softmax(bin_logits_.value(kBins).to(at::kDouble), 0);
  const at::Tensor gradient = y * (change - (y * change).sum());
  bin_logits_.add_gradient(bin_logits_.layout().whole(0), gradient.to(bin_logits_.type()));
  return {.subnets = {}, .then_step = {kBins}, .then_keep = kBefore};
}

/// Equation 8: the same draw with the weights as they were, whose loss counts negative, and as they are.
Work ShiftNasSampler::through_a_draw(bool before) {
  Rng noise = noise_;
  const at::Tensor logits = learned(bin_logits_, kBins);
  const at::Tensor drawn = straight_through(logits, gumbel_noise(bins_.size(), noise, logits.options()), 1);
  std::vector<double> centres;
  for (std::size_t bin = 0; bin < bins_.size(); ++bin) centres.push_back(bins_.place(bins_.centre(bin)));
  const at::Tensor cost = (drawn * at::tensor(centres).to(logits.options())).sum();
  Work work{.subnets = {candidate(valid(generator_.draw(cost, options_.temperature, noise)))},
            .stream = Stream::kHeldOut,
            .learn = Learn::kGates,
            .weights = before ? kBefore : "",
            .then_step = {}};
  work.subnets.front().factor = before ? -1 : 1;
  if (!before) {
    work.then_step = {kBins};
    work.then_keep = kBefore;
  }
  return work;
}

std::vector<ParameterGroup> ShiftNasSampler::groups() {
  const auto adam = [](double lr, double clip) {
    GroupOptions options;
    options.optimizer.name = "adam";
    options.optimizer.weight_decay = 0;
    options.lr = {.start = lr};
    options.clip.norm = clip;
    return options;
  };
  return {{.name = kGenerator, .store = &generator_.parameters(), .options = adam(options_.generator_lr, 5)},
          {.name = kBins, .store = &bin_logits_, .options = adam(options_.bin_lr, 0)}};
}

std::vector<double> ShiftNasSampler::bin_probabilities() const {
  std::vector<double> all = numbers_of(at::softmax(bin_logits_.value(kBins).to(at::kDouble), 0));
  for (double& one : all) one = (1 - options_.floor) * one + options_.floor / static_cast<double>(all.size());
  return all;
}

std::vector<std::pair<std::string, double>> ShiftNasSampler::metrics() const {
  const auto p = bin_probabilities();
  double entropy = 0;
  for (const double one : p) entropy -= one > 0 ? one * std::log(one) : 0;
  std::vector<std::pair<std::string, double>> all{
      {"entropy", p.size() > 1 ? entropy / std::log(static_cast<double>(p.size())) : 1}};
  for (std::size_t bin = 0; bin < p.size() && p.size() <= kMostCurves; ++bin)
    all.emplace_back("bin/" + std::to_string(bin), p[bin]);
  return all;
}

SamplerState ShiftNasSampler::save() const {
  SamplerState state{.tensors = generator_.parameters().tensors(), .values = {{"kept", kept_}}};
  state.tensors[kBins] = bin_logits_.value(kBins).clone();
  return state;
}

void ShiftNasSampler::load(const SamplerState& state) {
  TensorMap generator = state.tensors, bins;
  if (const auto found = generator.find(kBins); found != generator.end()) bins.insert(generator.extract(found));
  if (!state.values.contains("kept") || !state.values["kept"].is_boolean())
    throw UsageError("the checkpoint's sampler state is not of sampler 'shiftnas'");
  generator_.parameters().load(generator, "the generator's parameters");
  bin_logits_.load(bins, "the bins' logits");
  kept_ = state.values["kept"].get<bool>();
}

}  // namespace frontier
