#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/rng.h"
#include "jobs/session.h"
#include "search_spaces/registry.h"
#include "support/size_policy.h"

namespace frontier::testing_support {

/// Made-up accuracies of nas_bench_macro's networks.
class MadeUpSession : public SupernetSession {
 public:
  /// @param num_measured counts, and must outlive this.
  explicit MadeUpSession(std::int64_t& num_measured) : num_measured_(num_measured) {}
  const std::string& space() const override { return space_->name(); }
  const InputShape& input() const override { return input_; }
  const std::string& fingerprint() const override { return fingerprint_; }
  MeasuredHow how(const std::string&) override { return {"toy_data", "10 images", "none"}; }
  std::vector<std::string> metrics() const override { return {"top1"}; }
  const CostPolicy& policy() override { return policy_; }
  std::vector<Measurement> evaluate(const std::string&, std::span<const Architecture> archs,
                                    const std::function<void()>& check, const GroupMeasured& measured) override {
    std::vector<Measurement> results;
    for (const auto& arch : archs) {
      check();
      ++num_measured_;
      results.push_back({{{"top1", Rng(1).split(hash_value(arch)).uniform()}}, 0.5});
      const std::size_t place = results.size() - 1;
      measured(std::span(&place, 1), std::span(&results.back(), 1));
    }
    return results;
  }

 private:
  std::int64_t& num_measured_;
  std::shared_ptr<const SearchSpace> space_ = make_space("nas_bench_macro");
  InputShape input_ = space_->default_input();
  std::string fingerprint_ = "0123abcd";
  SizePolicy policy_{*space_};
};

}  // namespace frontier::testing_support
