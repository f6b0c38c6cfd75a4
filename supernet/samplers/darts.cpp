#include "supernet/samplers/darts.h"

#include <torch/types.h>

#include <cmath>

#include "common/errors.h"
#include "search_spaces/budget.h"

namespace frontier {
namespace {

constexpr const char* kGroup = "architecture";

bool is_decided(const Shape& shape) {
  return shape.channels.is_constant() && shape.height.is_constant() && shape.width.is_constant();
}

/// Sums of branches need layers of one shape each, whatever is chosen.
void require_branches(const SearchSpace& space) {
  if (space.listed())
    throw UsageError("sampler 'darts' sums branches; the networks of '" + space.name() +
                     "' are listed, not made of branches");
  const NetworkGraph everything = space.build_everything(space.default_input());
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    const Layer& layer = everything[v];
    bool decided = is_decided(layer.output);
    for (const auto& attribute : layer.attributes.entries()) decided = decided && attribute.value.is_constant();
    if (!decided)
      throw UsageError("sampler 'darts' sums branches; '" + space.name() +
                       "' has decisions about the size of layers (layer '" +
                       (layer.name.empty() ? std::string(layer.kind->name) : layer.name) +
                       "'), so choose another sampler or a space of branches such as nas_bench_macro");
  }
}

std::vector<Parameter> logit_parameters(const SearchSpace& space, double deviation) {
  std::vector<Parameter> parameters;
  for (const Decision& decision : space.decisions())
    parameters.push_back({.name = decision.name,
                          .shape = {static_cast<std::int64_t>(decision.options.size())},
                          .decays = true,
                          .group = kGroup,
                          .initializer = {"normal", deviation}});
  return parameters;
}

const std::shared_ptr<const SearchSpace>& checked(const std::shared_ptr<const SearchSpace>& space) {
  require_branches(*space);
  return space;
}

}  // namespace

DartsSampler::DartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape&, const Options& options,
                           const Rng& rng)
    : space_(checked(space)), options_(options), logits_(logit_parameters(*space_, options.init_deviation), rng) {}

std::optional<Work> DartsSampler::next(const StepContext& context, Rng&) {
  const bool warm = context.step >= options_.warmup_steps;
  if (context.works == (warm ? 2U : 1U)) return std::nullopt;
  const bool on_logits = warm && context.works == 0;
  std::vector<at::Tensor> gates;
  for (const Decision& decision : space_->decisions()) gates.push_back(at::softmax(learned(logits_, decision.name), 0));
  return Work{.subnets = {{Selection::everything(space_->decisions()), Gates(space_->decisions(), std::move(gates))}},
              .stream = on_logits ? Stream::kArchitecture : Stream::kTrain,
              .learn = on_logits ? Learn::kGates : Learn::kWeights,
              .unrolled = on_logits && unrolls(),
              .then_step = {on_logits ? kGroup : "weights"}};
}

std::vector<ParameterGroup> DartsSampler::groups() {
  GroupOptions options;
  options.optimizer.name = "adam";
  options.optimizer.beta1 = options_.beta1;
  options.optimizer.beta2 = options_.beta2;
  options.optimizer.weight_decay = options_.weight_decay;
  options.lr = {.start = options_.lr};
  return {{.name = kGroup, .store = &logits_, .options = options}};
}

at::Tensor DartsSampler::logits(std::size_t decision) const {
  return logits_.value(space_->decisions()[decision].name);
}

std::vector<std::pair<std::string, double>> DartsSampler::metrics() const {
  double entropy = 0, most = 0;
  for (std::size_t d = 0; d < space_->decisions().size(); ++d) {
    const at::Tensor log_p = at::log_softmax(logits(d).to(at::kCPU, at::kDouble), 0);
    entropy -= (log_p.exp() * log_p).sum().item<double>();
    most += std::log(static_cast<double>(log_p.numel()));
  }
  return {{"entropy", entropy / most}};
}

std::optional<Architecture> DartsSampler::derive() const {
  std::vector<std::vector<double>> scores;
  for (std::size_t d = 0; d < space_->decisions().size(); ++d) {
    const at::Tensor log_p = at::log_softmax(logits(d).to(at::kCPU, at::kDouble), 0).contiguous();
    scores.emplace_back(log_p.const_data_ptr<double>(), log_p.const_data_ptr<double>() + log_p.numel());
  }
  return FeasibleSet(*space_, space_->default_input(), Budget{}).best(scores);
}

SamplerState DartsSampler::save() const { return {.tensors = logits_.tensors()}; }

void DartsSampler::load(const SamplerState& state) { logits_.load(state.tensors, "architecture parameters"); }

}  // namespace frontier
