#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/options.h"
#include "supernet/samplers/decorator.h"

namespace frontier {

struct SubnetAwareOptions {
  double gamma = 0;               ///< power of the cheapest subnet's learning rate; 4 in the paper; 0: one rate for all
  std::string price = "params";   ///< by which subnets are told apart: macs, params
  std::string momentum = "none";  ///< auto, a decision's name: a momentum for each of its options; none: one for all
  bool operator==(const SubnetAwareOptions&) const = default;
};

/// @throws UsageError for a price where nothing is told apart by it.
void require_consistent(const SubnetAwareOptions& options);

template <class Fields>
void describe(Fields& f, SubnetAwareOptions& o) {
  f("gamma", o.gamma, 0.0, 1000.0,
    "The learning rate falls as (1 - progress)^gamma for the cheapest subnet and ^(1 / gamma) for the dearest; 4 in "
    "the paper, 0: as trainer.lr_schedule says for all.");
  f("price", o.price, {"macs", "params"}, "By which subnets are cheap or dear.");
  f("momentum", o.momentum,
    "A decision, each of whose options has a momentum of its own; auto: the one that decides most about the MACs; "
    "none: one momentum for all.");
  require_consistent(o);
}

/// Another sampler, whose subnets are trained by what they are (Jeon et al., "Subnet-Aware Dynamic Supernet Training
/// for Neural Architecture Search", CVPR 2025, arXiv 2503.10740; rules of its released code). Complexity-aware learning
/// rate: lr (1 - step / steps)^gamma(a), where gamma falls with the logarithm of the subnet's price from `gamma` to its
/// inverse, so that small subnets, which converge early, stop disturbing large ones. A step of several subnets keeps
/// the rate and multiplies their losses. Momentum separation: gradients of subnets that differ in one decision point
/// apart, so each option of it has a momentum of its own.
/// Differs from the code: prices are those of canonical networks with their norms; the decision is not drawn, but the
/// one whose options' mean MACs differ most (`auto`), or is named.
class SubnetAwareSampler : public SamplerDecorator {
 public:
  SubnetAwareSampler(std::unique_ptr<Sampler> sampler, std::shared_ptr<const SearchSpace> space,
                     const InputShape& input, const SubnetAwareOptions& options);
  std::optional<Work> next(const StepContext& context, Rng& rng) override;

  /// The power of a subnet's learning rate.
  double power(const Architecture& arch) const;
  /// The decision whose options have a momentum each; none: there is one for all.
  const std::optional<std::size_t>& split() const { return split_; }

 private:
  std::string momentum_of(const Work& work) const;

  std::shared_ptr<const SearchSpace> space_;
  SubnetAwareOptions options_;
  CostTable table_;
  double slope_ = 0, intercept_ = 0;  ///< of the power by the logarithm of the price
  std::optional<std::size_t> split_;
};

}  // namespace frontier
