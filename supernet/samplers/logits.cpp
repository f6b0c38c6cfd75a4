#include "supernet/samplers/logits.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

#include "search_spaces/budget.h"
#include "supernet/numbers.h"

namespace frontier {
namespace {

constexpr const char* kGroup = "architecture";

Parameter logit_parameter(std::string name, std::size_t size, double deviation) {
  return {.name = std::move(name),
          .shape = {static_cast<std::int64_t>(size)},
          .decays = true,
          .group = kGroup,
          .initializer = {"normal", deviation}};
}

}  // namespace

LogitSampler::LogitSampler(std::string_view name, std::shared_ptr<const SearchSpace> space,
                           const std::vector<bool>& learned,
                           const std::vector<std::pair<std::string, std::size_t>>& further, const LogitOptions& options,
                           const Rng& rng)
    : name_(name),
      space_(std::move(space)),
      options_(options),
      parameters_(
          [&] {
            std::vector<Parameter> parameters;
            for (std::size_t d = 0; d < space_->decisions().size(); ++d)
              if (const Decision& decision = space_->decisions()[d]; learned[d])
                parameters.push_back(logit_parameter(decision.name, decision.options.size(), options.init_deviation));
            for (const auto& [parameter, size] : further)
              parameters.push_back(logit_parameter(parameter, size, options.init_deviation));
            return parameters;
          }(),
          rng) {}

std::optional<Work> LogitSampler::next(const StepContext& context, Rng& rng) {
  const bool warm = is_warm(context);
  if (context.works == (warm ? 2U : 1U)) return std::nullopt;
  const bool on_logits = warm && (context.works == 0) != trains_weights_first();
  return Work{.subnets = {subnet(context, rng)},
              .stream = on_logits ? Stream::kArchitecture : Stream::kTrain,
              .learn = on_logits ? Learn::kGates : Learn::kWeights,
              .unrolled = on_logits && unrolls(),
              .then_step = {on_logits ? kGroup : "weights"}};
}

std::vector<ParameterGroup> LogitSampler::groups() {
  GroupOptions options;
  options.optimizer.name = "adam";
  options.optimizer.beta1 = options_.beta1;
  options.optimizer.beta2 = options_.beta2;
  options.optimizer.weight_decay = options_.weight_decay;
  options.lr = {.start = options_.lr};
  return {{.name = kGroup, .store = &parameters_, .options = options}};
}

bool LogitSampler::has_logits(std::size_t decision) const {
  return parameters_.contains(space_->decisions()[decision].name);
}

at::Tensor LogitSampler::logits(std::size_t decision) const {
  return parameters_.value(space_->decisions()[decision].name);
}

at::Tensor LogitSampler::learned_logits(std::size_t decision) const {
  return learned(parameters_, space_->decisions()[decision].name);
}

std::vector<std::vector<double>> LogitSampler::probabilities() const {
  std::vector<std::vector<double>> all;
  for (std::size_t d = 0; d < space_->decisions().size(); ++d) {
    const std::size_t options = space_->decisions()[d].options.size();
    if (!has_logits(d)) {
      all.emplace_back(options, 1.0 / static_cast<double>(options));
      continue;
    }
    all.push_back(numbers_of(at::softmax(logits(d).to(at::kDouble), 0)));
  }
  return all;
}

std::vector<std::vector<double>> LogitSampler::log_probabilities() const {
  const std::vector<double> numbers = numbers_of(parameters_.values());
  std::vector<std::vector<double>> all;
  for (const Decision& decision : space_->decisions()) {
    std::vector<double>& own = all.emplace_back(decision.options.size());
    if (parameters_.contains(decision.name)) {
      const Parameter& parameter = parameters_.parameters()[parameters_.layout().index(decision.name)];
      std::copy_n(numbers.begin() + parameter.offset, own.size(), own.begin());
    }
    const double most = *std::max_element(own.begin(), own.end());
    double sum = 0;
    for (const double logit : own) sum += std::exp(logit - most);
    for (double& logit : own) logit -= most + std::log(sum);
  }
  return all;
}

std::vector<std::pair<std::string, double>> LogitSampler::metrics() const {
  double entropy = 0, most = 0;
  const auto all = probabilities();
  for (std::size_t d = 0; d < all.size(); ++d) {
    if (!has_logits(d)) continue;
    most += std::log(static_cast<double>(all[d].size()));
    for (const double p : all[d])
      if (p > 0) entropy -= p * std::log(p);
  }
  return {{"entropy", entropy / most}};
}

std::optional<Architecture> LogitSampler::derive() const {
  return FeasibleSet(*space_, space_->default_input(), Budget{}).best(scores());
}

}  // namespace frontier
