#include "supernet/samplers/darts.h"

#include <torch/types.h>

#include "common/errors.h"

namespace frontier {

DartsSampler::DartsSampler(std::shared_ptr<const SearchSpace> space, const Options& options)
    : space_(std::move(space)) {
  const NetworkGraph everything = space_->build_everything(space_->default_input());
  for (NetworkGraph::Vertex v = 0; v < everything.size(); ++v) {
    const Layer& layer = everything[v];
    if (!layer.output.channels.is_constant() || (layer.is("conv") && !layer["kernel"].is_constant()))
      throw UsageError("sampler 'darts' sums branches; '" + space_->name() +
                       "' has decisions about widths or kernels (layer '" + layer.name +
                       "'), so choose another sampler or a space of branches such as nas_bench_macro");
  }
  const Rng rng(static_cast<std::uint64_t>(options.seed));
  for (std::size_t d = 0; d < space_->decisions().size(); ++d) {
    Rng draws = rng.split(d);
    at::Tensor logits = at::zeros({static_cast<std::int64_t>(space_->decisions()[d].options.size())}, at::kFloat);
    for (std::int64_t i = 0; i < logits.numel(); ++i)
      logits.data_ptr<float>()[i] = static_cast<float>(options.init_deviation * draws.normal());
    logits_.push_back(logits.set_requires_grad(true));
  }
}

std::vector<SampledSubnet> DartsSampler::next(const TrainingState&, Rng&) {
  std::vector<at::Tensor> gates;
  for (const auto& logits : logits_) gates.push_back(at::softmax(logits, 0));
  return {{Selection::everything(space_->decisions()), Gates(space_->decisions(), std::move(gates))}};
}

std::optional<Architecture> DartsSampler::derive() const {
  Architecture arch;
  for (const auto& logits : logits_)
    arch.choices.push_back(static_cast<std::uint16_t>(logits.argmax().item<std::int64_t>()));
  return space_->canonical(arch);
}

}  // namespace frontier
