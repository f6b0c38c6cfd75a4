#pragma once

#include "common/options.h"
#include "supernet/samplers/sampler.h"

namespace frontier {

/// The sandwich rule (Yu and Huang, "Universally Slimmable Networks and Improved Training Techniques", arXiv
/// 1903.05134): each step trains the largest subnet, the smallest and some random ones; the largest teaches the others
/// in in-place distillation. Differs from the paper: largest and smallest are by MACs at the space's default input,
/// over all decisions instead of widths only.
class SandwichSampler : public Sampler {
 public:
  struct Options {
    int random_subnets = 2;  ///< besides largest and smallest; 2 in the paper
  };
  SandwichSampler(std::shared_ptr<const SearchSpace> space, const Options& options);
  std::string_view name() const override { return "sandwich"; }
  std::vector<SampledSubnet> next(const TrainingState& state, Rng& rng) override;
  bool teaches() const override { return true; }

 private:
  std::shared_ptr<const SearchSpace> space_;
  Options options_;
  Architecture largest_;
  Architecture smallest_;
};

template <class Fields>
void describe(Fields& f, SandwichSampler::Options& o) {
  f("random_subnets", o.random_subnets, 0, 1024);
}

}  // namespace frontier
