#include "supernet/second_derivative.h"

#include <torch/autograd.h>
#include <torch/csrc/autograd/functions/utils.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace frontier {
namespace {

thread_local bool twice = false;

/// Stands behind the gradients of a layer and refuses. Its edges lead wherever the gradients come from: autograd skips
/// what leads to nothing that was asked for.
class Refusal : public torch::autograd::Node {
 public:
  Refusal(const char* layer, torch::autograd::edge_list&& edges) : Node(std::move(edges)), layer_(layer) {}
  torch::autograd::variable_list apply(torch::autograd::variable_list&&) override {
    throw std::runtime_error("a second derivative through " + layer_ +
                             " is not available here; run with twice = true (RunSpec; a DifferentiableTwice guard "
                             "around the forward pass), which takes ATen's differentiable operations");
  }

 private:
  std::string layer_;
};

class Once : public torch::autograd::Function<Once> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const std::string& layer) {
    context->saved_data["layer"] = layer;
    return x;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    auto results = once_differentiable({gradients[0]}, gradients, context->saved_data["layer"].toStringRef().c_str());
    results.emplace_back();
    return results;
  }
};

}  // namespace

DifferentiableTwice::DifferentiableTwice(bool on) : before_(std::exchange(twice, on)) {}
DifferentiableTwice::~DifferentiableTwice() { twice = before_; }
bool DifferentiableTwice::is_on() { return twice; }

std::vector<at::Tensor> once_differentiable(std::vector<at::Tensor> results, const std::vector<at::Tensor>& gradients,
                                            const char* layer) {
  if (!at::GradMode::is_enabled()) return results;
  torch::autograd::edge_list edges = torch::autograd::get_current_node()->next_edges();
  for (const auto& gradient : gradients)
    if (gradient.defined()) edges.push_back(torch::autograd::impl::gradient_edge(gradient));
  const std::shared_ptr<torch::autograd::Node> refusal(new Refusal(layer, std::move(edges)),
                                                       torch::autograd::deleteNode);
  for (auto& result : results) {
    if (!result.defined()) continue;
    result = result.detach();
    torch::autograd::set_history(result, refusal);
  }
  return results;
}

at::Tensor once_differentiable(const at::Tensor& x, const char* layer) {
  return x.requires_grad() && at::GradMode::is_enabled() ? Once::apply(x, std::string(layer)) : x;
}

}  // namespace frontier
