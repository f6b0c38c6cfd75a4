#pragma once

#include <cmath>

#include "search_spaces/budget.h"
#include "searchers/cost_policy.h"

namespace frontier::testing_support {

/// A generator that has learned one thing: of a cost in the middle of the range middle options are likeliest, and so
/// on. What it names costs more or less than was asked for.
class SizePolicy : public CostPolicy {
 public:
  /// @param sharpness how much likelier an option is than the next one. The space must outlive the policy.
  explicit SizePolicy(const SearchSpace& space, std::string price = "macs", double sharpness = 3)
      : space_(space), price_(std::move(price)), sharpness_(sharpness) {
    const FeasibleSet all(space, space.default_input(), {});
    const bool by_params = price_ == "params";
    least_ = static_cast<double>(by_params ? all.least_params().params : all.least_macs().macs);
    most_ = static_cast<double>(by_params ? all.most_params().params : all.most_macs().macs);
  }
  const std::string& price() const override { return price_; }
  std::vector<std::vector<double>> scores(double cost, Rng* noise) const override {
    asked_ = cost;
    const double place = (cost - least_) / (most_ - least_);
    std::vector<std::vector<double>> scores;
    for (const Decision& decision : space_.decisions()) {
      auto& of_decision = scores.emplace_back();
      double sum = 0;
      for (std::size_t o = 0; o < decision.options.size(); ++o) {
        of_decision.push_back(
            -sharpness_ * std::abs(static_cast<double>(o) - place * static_cast<double>(decision.options.size() - 1)));
        sum += std::exp(of_decision.back());
      }
      for (double& score : of_decision) {
        score -= std::log(sum);
        if (noise) score -= std::log(-std::log(noise->uniform() + 1e-300) + 1e-300);
      }
    }
    return scores;
  }
  /// The cost of the last question.
  double asked() const { return asked_; }

 private:
  const SearchSpace& space_;
  std::string price_;
  double sharpness_, least_ = 0, most_ = 0;
  mutable double asked_ = 0;
};

}  // namespace frontier::testing_support
