// What ElasticViT rests on: gradients of subnets pull the weights that they share apart the more, the more the subnets
// differ in cost, and a walk over neighbouring banks makes steps that agree better.
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <vector>

#include "search_spaces/registry.h"
#include "supernet/samplers/elastic_vit.h"
#include "supernet/supernet.h"
#include "support/ranks.h"
#include "support/runs.h"
#include "support/tensors.h"

namespace frontier {
namespace {

using namespace testing_support;  // NOLINT(google-build-using-namespace)

constexpr std::size_t kBanks = 8, kPerBank = 10;

ElasticVitSampler sampler(const std::shared_ptr<const SearchSpace>& space, const std::string& walk) {
  ElasticVitSampler::Options options;
  read_options(nlohmann::json{{"walk", walk}, {"preference", false}, {"smallest", 0}, {"subnets_per_step", 1}},
               "sampler", options);
  return {space, space->default_input(), options, Rng(0)};
}

/// Ten classes of 28x28 images, each a pattern of 7x7 squares under noise.
struct Batch {
  Batch(std::int64_t images, std::uint64_t seed) : labels(random_labels(images, 10, seed)) {
    const at::Tensor patterns = normal_tensor({10, 1, 7, 7}, 1).repeat_interleave(4, 2).repeat_interleave(4, 3);
    inputs = (patterns.index_select(0, labels) + normal_images({images, 1, 28, 28}, seed + 1, 0, 2))
                 .contiguous(at::MemoryFormat::ChannelsLast);
  }
  at::Tensor inputs, labels;
};

/// A supernet of mobile_cnn that has learned for some steps, one uniform subnet each, and for ten subnets of each bank
/// the gradients by one batch.
class Gradients {
 public:
  Gradients() : space_(make_space("mobile_cnn")), supernet_(space_, space_->default_input(), Rng(1)) {
    Rng rng(2);
    for (std::uint64_t step = 0; step < 200; ++step) {
      const at::Tensor gradient = gradient_of(space_->random(rng), Batch(32, 1000 + 2 * step));
      supernet_.bank.values().sub_(gradient, 0.05 / std::max(1.0, gradient.norm().item<double>() / 5));
    }
    const ElasticVitSampler drawn = sampler(space_, "random");
    const Batch batch(128, 9000);
    for (std::size_t bank = 0; bank < kBanks; ++bank)
      for (std::size_t i = 0; i < kPerBank; ++i) {
        gradients_.push_back(gradient_of(drawn.banks().draw(bank, rng), batch));
        clear_what_all_share(gradients_.back());
      }
  }

  const std::shared_ptr<const SearchSpace>& space() const { return space_; }

  /// The cosine of the gradients of two subnets, over the weights that both have.
  double cosine(std::size_t one, std::size_t other) {
    const auto [known, is_new] = cosines_.try_emplace({std::min(one, other), std::max(one, other)}, 0.0);
    if (is_new) {
      const at::Tensor a = gradients_[one] * gradients_[other].ne(0), b = gradients_[other] * gradients_[one].ne(0);
      known->second = a.dot(b).item<double>() / std::sqrt(a.dot(a).item<double>() * b.dot(b).item<double>());
    }
    return known->second;
  }

 private:
  at::Tensor gradient_of(const Architecture& arch, const Batch& batch) const {
    const at::Tensor outputs = logits(supernet_.build(arch), supernet_.bank, batch.inputs, testing_support::training());
    at::cross_entropy_loss(outputs, batch.labels).backward();
    at::Tensor gradient = supernet_.bank.gradients().clone();
    supernet_.bank.clear_gradients();
    return gradient;
  }

  /// Every subnet has the first layer, the last ones and most of each norm, whose gradients agree whatever its size;
  /// what is looked at are the convolutions in between.
  void clear_what_all_share(const at::Tensor& gradient) const {
    for (const Parameter& parameter : supernet_.bank.parameters())
      if (!parameter.name.starts_with("stage") || parameter.shape.size() != 4)
        gradient.narrow(0, parameter.offset, parameter.numel).zero_();
  }

  Threads threads_{1};
  std::shared_ptr<const SearchSpace> space_;
  Supernet supernet_;
  std::vector<at::Tensor> gradients_;  ///< bank after bank
  std::map<std::pair<std::size_t, std::size_t>, double> cosines_;
};

class GradientConflict : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { gradients_ = std::make_unique<Gradients>(); }
  static void TearDownTestSuite() { gradients_.reset(); }
  static std::unique_ptr<Gradients> gradients_;
};
std::unique_ptr<Gradients> GradientConflict::gradients_;

/// G1 of the specification.
TEST_F(GradientConflict, GrowsWithTheGapBetweenBanks) {
  const std::vector<double> gaps{0, 1, 2, 4, 7};
  std::vector<double> means;
  for (const double gap : gaps) {
    double sum = 0, pairs = 0;
    const auto apart = static_cast<std::size_t>(gap) * kPerBank;
    for (std::size_t one = 0; one + apart < kBanks * kPerBank; ++one)
      for (std::size_t i = 0; i < kPerBank; ++i) {
        const std::size_t other = one / kPerBank * kPerBank + apart + i;
        if (other == one) continue;
        sum += gradients_->cosine(one, other);
        ++pairs;
      }
    means.push_back(sum / pairs);
  }
  EXPECT_LT(spearman_rho(gaps, means), -0.6) << ::testing::PrintToString(means);
}

/// G2, of these subnets: one in a hundred walks would show as much by luck.
TEST_F(GradientConflict, OfStepsIsLessAlongAWalk) {
  constexpr int kSteps = 2000;
  std::vector<double> differences(kSteps - 1, 0.0);
  for (const auto& [walk, sign] : {std::pair{"adjacent_step", 1.0}, {"random", -1.0}}) {
    ElasticVitSampler drawn = sampler(gradients_->space(), walk);
    Rng rng(4);
    std::size_t before = 0;
    for (int step = 0; step < kSteps; ++step) {
      drawn.next({.step = step, .total_steps = kSteps}, rng);
      std::size_t subnet = before;
      while (subnet == before)
        subnet = static_cast<std::size_t>(drawn.metrics().front().second) * kPerBank + rng.below(kPerBank);
      if (step > 0) differences[static_cast<std::size_t>(step - 1)] += sign * gradients_->cosine(before, subnet);
      before = subnet;
      drawn.next({.step = step, .total_steps = kSteps, .works = 1}, rng);
    }
  }
  const at::Tensor difference = at::tensor(differences, at::kDouble);
  const double t = (difference.mean() / difference.std() * std::sqrt(kSteps - 1.0)).item<double>();
  EXPECT_GT(t, 2.33) << "mean " << difference.mean().item<double>();
}

}  // namespace
}  // namespace frontier
