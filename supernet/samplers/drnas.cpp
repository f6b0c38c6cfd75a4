#include "supernet/samplers/drnas.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/autograd.h>
#include <torch/types.h>

#include <cmath>

#include "common/errors.h"
#include "supernet/numbers.h"

namespace frontier {
namespace {

class Dirichlet : public torch::autograd::Function<Dirichlet> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& concentration,
                            std::int64_t seed) {
    const auto generator = at::detail::createCPUGenerator(static_cast<std::uint64_t>(seed));
    const at::Tensor b = concentration.detach().to(at::kCPU, at::kDouble);
    const at::Tensor drawn = at::_sample_dirichlet(b, generator);
    context->save_for_backward({b, drawn});
    return drawn.to(concentration.options());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &b = saved[0], &drawn = saved[1];
    const at::Tensor gradient = gradients[0].to(at::kCPU, at::kDouble);
    const at::Tensor along = at::_dirichlet_grad(drawn, b, b.sum().expand_as(b).contiguous());
    return {(along * (gradient - (drawn * gradient).sum())).to(gradients[0].options()), {}};
  }
};

at::Tensor concentration_of(const at::Tensor& logits) { return at::elu(logits) + 1; }

}  // namespace

at::Tensor sample_dirichlet(const at::Tensor& concentration, std::uint64_t seed) {
  return Dirichlet::apply(concentration, static_cast<std::int64_t>(seed));
}

at::Tensor divergence_from_flat(const at::Tensor& concentration) {
  const at::Tensor b = concentration.to(at::kDouble), sum = b.sum();
  const double log_gamma_n = std::lgamma(static_cast<double>(b.numel()));
  return at::lgamma(sum) - at::lgamma(b).sum() - log_gamma_n + ((b - 1) * (at::digamma(b) - at::digamma(sum))).sum();
}

DrnasSampler::DrnasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                           const Rng& rng)
    : BranchSampler(
          "drnas", std::move(space), input, Learned::kBranches,
          [&] {
            LogitOptions own = options;
            if (options.anchor == "kl") own.weight_decay = 0;
            return own;
          }(),
          rng),
      options_(options) {
  const Options usual;
  if (options.anchor == "kl" && options.weight_decay != usual.weight_decay)
    throw UsageError("sampler.weight_decay has no effect with sampler.anchor = kl, which pulls in its place");
  if (options.anchor == "decay" && options.anchor_weight != usual.anchor_weight)
    throw UsageError("sampler.anchor_weight has no effect with sampler.anchor = decay; set sampler.weight_decay");
}

Candidate DrnasSampler::subnet(const StepContext&, Rng& rng) {
  return everything([&](const at::Tensor& logits) { return sample_dirichlet(concentration_of(logits), rng.next()); },
                    every_edge());
}

at::Tensor DrnasSampler::penalty(const Work&, const Candidate&) {
  if (options_.anchor != "kl") return {};
  at::Tensor sum;
  for (std::size_t d = 0; d < space().decisions().size(); ++d) {
    if (!has_logits(d)) continue;
    const at::Tensor own = divergence_from_flat(concentration_of(learned_logits(d)));
    sum = sum.defined() ? sum + own : own;
  }
  return options_.anchor_weight * sum.to(at::kFloat);
}

std::vector<std::vector<double>> DrnasSampler::probabilities() const {
  auto all = BranchSampler::probabilities();
  for (std::size_t d = 0; d < all.size(); ++d) {
    if (!has_logits(d)) continue;
    const at::Tensor b = concentration_of(logits(d).to(at::kDouble));
    all[d] = numbers_of(b / b.sum());
  }
  return all;
}

}  // namespace frontier
