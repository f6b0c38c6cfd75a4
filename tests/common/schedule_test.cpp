#include "common/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "common/errors.h"
#include "common/options.h"
#include "common/rng.h"
#include "support/messages.h"

namespace frontier {
namespace {

ScheduleOptions schedule(const std::string& kind, double start, double end, std::int64_t warmup_steps = 0) {
  return {.kind = kind, .start = start, .end = end, .warmup_steps = warmup_steps};
}

TEST(Schedule, FollowsItsClosedForm) {
  for (const std::int64_t s : {0, 1, 25, 50, 99, 100, 250}) {
    const double way = std::min(1.0, static_cast<double>(s) / 100);
    EXPECT_DOUBLE_EQ(value_at(schedule("constant", 0.3, 0), s, 100), 0.3) << s;
    EXPECT_NEAR(value_at(schedule("linear", 10, 0.1), s, 100), 10 - 9.9 * way, 1e-14) << s;
    EXPECT_NEAR(value_at(schedule("cosine", 0.5, 0.1), s, 100), 0.3 + 0.2 * std::cos(std::numbers::pi * way), 1e-15);
    EXPECT_NEAR(value_at(schedule("exponential", 10, 0.1), s, 100), std::pow(10.0, 1 - 2 * way), 1e-14) << s;
  }
}

TEST(Schedule, RisesInEqualStepsWhileItWarmsUp) {
  for (const char* kind : {"constant", "linear", "cosine", "exponential"}) {
    const ScheduleOptions o = schedule(kind, 0.8, kind == std::string("constant") ? 0 : 0.2, 4);
    for (std::int64_t s = 0; s < 4; ++s) EXPECT_DOUBLE_EQ(value_at(o, s, 12), 0.2 * static_cast<double>(s + 1)) << kind;
    EXPECT_DOUBLE_EQ(value_at(o, 4, 12), 0.8) << kind;
    EXPECT_DOUBLE_EQ(value_at(o, 12, 12), o.kind == "constant" ? 0.8 : 0.2) << kind;
  }
}

TEST(Schedule, TheLearningRateOfAWarmUpAndACosineKeepsItsBits) {
  // As trainings of earlier versions computed it.
  const auto learning_rate = [](double lr, double s, double warmup, double total) {
    if (s < warmup) return lr * (s + 1) / warmup;
    return lr * 0.5 * (1 + std::cos(std::numbers::pi * (s - warmup) / std::max(1.0, total - warmup)));
  };
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    const auto total = static_cast<std::int64_t>(1 + rng.below(3000));
    const auto warmup = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(total) + 2));
    const ScheduleOptions o = schedule("cosine", 3 * rng.uniform(), 0, warmup);
    for (std::int64_t s = 0; s < total; s += 1 + total / 50)
      EXPECT_EQ(value_at(o, s, total),
                learning_rate(o.start, static_cast<double>(s), static_cast<double>(warmup), static_cast<double>(total)))
          << "seed " << seed << " step " << s;
  }
}

TEST(Schedule, StaysBetweenItsEnds) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    const double a = 0.01 + rng.uniform(), b = 0.01 + rng.uniform();
    const auto total = static_cast<std::int64_t>(1 + rng.below(100));
    for (const char* kind : {"linear", "cosine", "exponential"}) {
      double before = a;
      for (std::int64_t s = 0; s <= total; ++s) {
        const double value = value_at(schedule(kind, a, b), s, total);
        EXPECT_LE(std::abs(value - b), std::abs(before - b) + 1e-12) << kind << " seed " << seed << " step " << s;
        before = value;
      }
      EXPECT_EQ(before, b) << kind << " seed " << seed;
    }
  }
}

TEST(Schedule, OptionsAreReadStrictly) {
  ScheduleOptions o;
  read_options(nlohmann::json{{"kind", "exponential"}, {"start", 5}, {"end", 0.5}, {"warmup_steps", 3}}, "lr", o);
  EXPECT_EQ(write_options(o),
            (nlohmann::json{{"kind", "exponential"}, {"start", 5.0}, {"end", 0.5}, {"warmup_steps", 3}}));
  const auto refused = [](const nlohmann::json& json, const std::string& message) {
    ScheduleOptions options;
    EXPECT_THROWS_WITH(read_options(json, "lr", options), UsageError, message);
  };
  refused({{"kind", "cosin"}}, "lr.kind: unknown value 'cosin'; did you mean 'cosine'?");
  refused({{"stop", 1}}, "unknown lr setting 'stop'");
  refused({{"warmup_steps", -1}}, "lr.warmup_steps");
  refused({{"start", 1}, {"end", 0.5}}, "stays at its start (1); its end = 0.5 has no effect");
  refused({{"kind", "exponential"}, {"start", 1}}, "from start = 1 to end = 0; both must be above 0");
}

}  // namespace
}  // namespace frontier
