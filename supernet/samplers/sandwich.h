#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// A step of the largest subnet, the smallest and others. @param taught by the largest, in place of the labels.
Work sandwich(const Architecture& largest, const Architecture& smallest, std::span<const Architecture> others,
              bool taught);

/// The sandwich rule (Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", arXiv
/// 1903.05134): each step trains the largest subnet, the smallest and some random ones. With in-place distillation the
/// largest learns from the labels and teaches the others. Differs from the paper: largest and smallest are by MACs at
/// the input, over all decisions instead of widths only; without distillation all learn from labels.
class SandwichSampler : public StatelessSampler {
 public:
  struct Options {
    int random_subnets = 2;        ///< besides largest and smallest; 2 in the paper
    std::string distill = "none";  ///< "inplace" in the paper
  };
  SandwichSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                  const Rng& rng);
  std::string_view name() const override { return "sandwich"; }
  std::optional<Work> next(const StepContext& context, Rng& rng) override;
  bool distills() const override { return options_.distill == "inplace"; }

 private:
  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  Architecture largest_;
  Architecture smallest_;
};

template <class Fields>
void describe(Fields& f, SandwichSampler::Options& o) {
  f("random_subnets", o.random_subnets, 0, 1024, "Random subnets a step, besides the largest and the smallest.");
  f("distill", o.distill, {"none", "inplace"},
    "inplace: the largest subnet teaches the others, which then see no labels.");
}

}  // namespace frontier
