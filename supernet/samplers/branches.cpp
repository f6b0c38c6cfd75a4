#include "supernet/samplers/branches.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "supernet/numbers.h"

namespace frontier {
namespace {

constexpr const char* kGroup = "architecture";
constexpr std::size_t kMostShares = 12;

bool is_decided(const Shape& shape) {
  return shape.channels.is_constant() && shape.height.is_constant() && shape.width.is_constant();
}

/// Sums of branches need layers of one shape each, whatever is chosen.
void require_branches(std::string_view sampler, const SearchSpace& space) {
  const std::string sums = "sampler '" + std::string(sampler) + "' sums branches; ";
  if (space.listed())
    throw UsageError(sums + "the networks of '" + space.name() + "' are listed, not made of branches");
  const NetworkGraph everything = space.build_everything(space.default_input());
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    const Layer& layer = everything[v];
    bool decided = is_decided(layer.output);
    for (const auto& attribute : layer.attributes.entries()) decided = decided && attribute.value.is_constant();
    if (!decided)
      throw UsageError(sums + "'" + space.name() + "' has decisions about the size of layers (layer '" +
                       (layer.name.empty() ? std::string(layer.kind->name) : layer.name) +
                       "'), so choose another sampler or a space of branches such as nas_bench_macro");
  }
}

const std::shared_ptr<const SearchSpace>& checked(std::string_view sampler,
                                                  const std::shared_ptr<const SearchSpace>& space) {
  require_branches(sampler, *space);
  return space;
}

Parameter logit_parameter(std::string name, std::size_t size, double deviation) {
  return {.name = std::move(name),
          .shape = {static_cast<std::int64_t>(size)},
          .decays = true,
          .group = kGroup,
          .initializer = {"normal", deviation}};
}

}  // namespace

BranchSampler::BranchSampler(std::string_view name, std::shared_ptr<const SearchSpace> space, const InputShape& input,
                             Learned learned, const BranchOptions& options, const Rng& rng, bool weighs_edges)
    : name_(name),
      space_(checked(name, space)),
      edges_(edges_of(*space_, input)),
      options_(options),
      parameters_(
          [&] {
            std::vector<Parameter> parameters;
            for (const Decision& decision : space_->decisions())
              if (learned == Learned::kAll || decision.kind != DecisionKind::kSubset)
                parameters.push_back(logit_parameter(decision.name, decision.options.size(), options.init_deviation));
            if (weighs_edges)
              for (const EdgeSite& site : edges_.sites)
                parameters.push_back(logit_parameter(edge_parameter(site), site.site.inputs, options.init_deviation));
            return parameters;
          }(),
          rng) {}

std::optional<Work> BranchSampler::next(const StepContext& context, Rng& rng) {
  const bool warm = is_warm(context);
  if (context.works == (warm ? 2U : 1U)) return std::nullopt;
  const bool on_logits = warm && (context.works == 0) != trains_weights_first();
  return Work{.subnets = {subnet(context, rng)},
              .stream = on_logits ? Stream::kArchitecture : Stream::kTrain,
              .learn = on_logits ? Learn::kGates : Learn::kWeights,
              .unrolled = on_logits && unrolls(),
              .then_step = {on_logits ? kGroup : "weights"}};
}

std::vector<ParameterGroup> BranchSampler::groups() {
  GroupOptions options;
  options.optimizer.name = "adam";
  options.optimizer.beta1 = options_.beta1;
  options.optimizer.beta2 = options_.beta2;
  options.optimizer.weight_decay = options_.weight_decay;
  options.lr = {.start = options_.lr};
  return {{.name = kGroup, .store = &parameters_, .options = options}};
}

bool BranchSampler::has_logits(std::size_t decision) const {
  return parameters_.contains(space_->decisions()[decision].name);
}

at::Tensor BranchSampler::logits(std::size_t decision) const {
  return parameters_.value(space_->decisions()[decision].name);
}

at::Tensor BranchSampler::learned_logits(std::size_t decision) const {
  return learned(parameters_, space_->decisions()[decision].name);
}

std::vector<std::vector<double>> BranchSampler::probabilities() const {
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

std::vector<std::pair<std::string, double>> BranchSampler::metrics() const {
  double entropy = 0, most = 0;
  std::map<std::string, std::pair<double, int>> shares;
  const auto all = probabilities();
  for (std::size_t d = 0; d < all.size(); ++d) {
    if (!has_logits(d)) continue;
    most += std::log(static_cast<double>(all[d].size()));
    for (std::size_t i = 0; i < all[d].size(); ++i) {
      if (all[d][i] > 0) entropy -= all[d][i] * std::log(all[d][i]);
      if (space_->decisions()[d].kind != DecisionKind::kBranch) continue;
      auto& [sum, count] = shares[space_->decisions()[d].options[i]];
      sum += all[d][i];
      ++count;
    }
  }
  std::vector<std::pair<std::string, double>> metrics{{"entropy", entropy / most}};
  if (shares.size() <= kMostShares)
    for (const auto& [option, share] : shares) metrics.emplace_back("share/" + option, share.first / share.second);
  return metrics;
}

std::vector<std::vector<double>> BranchSampler::scores() const {
  auto scores = probabilities();
  const bool chooses_edges = std::any_of(edges_.sites.begin(), edges_.sites.end(),
                                         [](const EdgeSite& site) { return site.subset.has_value(); });
  for (std::size_t d = 0; d < scores.size(); ++d) {
    if (space_->decisions()[d].kind == DecisionKind::kSubset) scores[d].assign(scores[d].size(), 0);
    for (std::size_t i = 0; chooses_edges && i < scores[d].size(); ++i)
      if (edges_.none[d][i]) scores[d][i] = -std::numeric_limits<double>::infinity();
  }
  return scores;
}

at::Tensor BranchSampler::even_gates(std::size_t decision) const {
  const auto options = static_cast<std::int64_t>(space_->decisions()[decision].options.size());
  return at::full({options}, 1 / static_cast<double>(options), parameters_.values().options());
}

Candidate BranchSampler::everything(const std::function<at::Tensor(const at::Tensor& logits)>& gates,
                                    EdgeWeights edges) const {
  std::vector<at::Tensor> all;
  for (std::size_t d = 0; d < space_->decisions().size(); ++d)
    all.push_back(has_logits(d) ? gates(learned_logits(d)) : even_gates(d));
  return {Selection::everything(space_->decisions()),
          Gates(space_->decisions(), std::move(all)).with_sites(edge_sites(), std::move(edges))};
}

BranchSampler::EdgeWeights BranchSampler::every_edge() const {
  EdgeWeights weights;
  for (const EdgeSite& site : edges_.sites)
    if (site.subset)
      weights.emplace(site.site.name,
                      at::ones({static_cast<std::int64_t>(site.site.inputs)}, parameters_.values().options()));
  return weights;
}

std::vector<Site> BranchSampler::edge_sites() const {
  std::vector<Site> sites;
  for (const EdgeSite& site : edges_.sites) sites.push_back(site.site);
  return sites;
}

std::optional<Architecture> BranchSampler::derive() const {
  return FeasibleSet(*space_, space_->default_input(), Budget{}).best(scores());
}

}  // namespace frontier
