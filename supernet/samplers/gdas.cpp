#include "supernet/samplers/gdas.h"

#include <torch/types.h>

#include "supernet/samplers/gumbel.h"

namespace frontier {

GdasSampler::GdasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                         const Rng& rng)
    : BranchSampler("gdas", std::move(space), input, Learned::kBranches, options, rng), options_(options) {}

Candidate GdasSampler::subnet(const StepContext& context, Rng& rng) {
  const double temperature =
      value_at({.kind = "linear", .start = options_.temperature, .end = options_.temperature_end}, context.step,
               context.total_steps);
  std::vector<at::Tensor> gates;
  std::vector<SelectedOptions> selected;
  const Selection everything = Selection::everything(space().decisions());
  for (std::size_t d = 0; d < space().decisions().size(); ++d) {
    if (!has_logits(d)) {
      gates.push_back(even_gates(d));
      selected.push_back(everything[d]);
      continue;
    }
    const at::Tensor noise = gumbel_noise(space().decisions()[d].options.size(), rng, parameters().values().options());
    gates.push_back(straight_through(learned_logits(d), noise, temperature));
    const auto option = static_cast<std::uint16_t>(gates.back().detach().argmax(0).item<std::int64_t>());
    selected.push_back({.options = {option}, .gated = true});
  }
  Selection selection(std::move(selected));
  Gates weighed = Gates(space().decisions(), std::move(gates), selection).with_sites(edge_sites(), every_edge());
  return {std::move(selection), std::move(weighed)};
}

}  // namespace frontier
