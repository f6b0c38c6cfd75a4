#include "supernet/divergence.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "common/errors.h"
#include "supernet/task.h"
#include "support/messages.h"

namespace frontier {
namespace {

at::Tensor row(const std::vector<double>& values) { return at::tensor(values, at::kDouble).unsqueeze(0); }

/// Of the loss by the pupil's logits, times the rows, since the loss is their mean.
at::Tensor gradient_of(const at::Tensor& pupil, const at::Tensor& teaching, const DivergenceOptions& options) {
  const at::Tensor logits = pupil.log().requires_grad_();
  alpha_divergence(at::log_softmax(logits, 1), teaching, options).backward();
  return logits.grad() * pupil.size(0);
}

const DivergenceOptions kAlpha{.name = "alpha"};

// Examples counted by hand from the paper's equations.
TEST(AlphaDivergence, TakesTheGreaterOfTwo) {
  const at::Tensor q = row({.7, .2, .1}), p = row({.2, .5, .3});
  EXPECT_NEAR(alpha_divergence_values(q.log(), p, -1, 5).item<double>(), .781667, 1e-6);
  EXPECT_NEAR(alpha_divergence_values(q.log(), p, 1, 5).item<double>(), .537176, 1e-6);
  EXPECT_TRUE(at::allclose(gradient_of(q, p, kAlpha), row({.655667, -.432667, -.223}), 0, 1e-6));
}

TEST(AlphaDivergence, TheClipMayChangeWhichIsGreater) {
  const at::Tensor q = row({.9, .05, .05}), p = row({.1, .45, .45});
  EXPECT_NEAR(alpha_divergence_values(q.log(), p, -1, 5).item<double>(), 1.755556, 1e-6);
  EXPECT_NEAR(alpha_divergence_values(q.log(), p, 1, 5).item<double>(), 1.757780, 1e-6);
  EXPECT_GT(alpha_divergence_values(q.log(), p, -1, 100).item<double>(), 1.757780);
  EXPECT_TRUE(at::allclose(gradient_of(q, p, kAlpha), q - p, 0, 1e-9));  // that of the cross-entropy
}

TEST(AlphaDivergence, IsNothingWherePupilAndTeachingAgree) {
  const at::Tensor p = at::softmax(at::randn({6, 5}, at::kDouble), 1);
  for (const double alpha : {-1.0, 0.0, 0.5, 1.0, 2.0}) {
    EXPECT_LT(alpha_divergence_values(p.log(), p, alpha, 5).abs().max().item<double>(), 1e-12) << alpha;
    const DivergenceOptions only{.name = "alpha", .alpha_min = alpha, .alpha_max = alpha};
    EXPECT_LT(gradient_of(p, p, only).abs().max().item<double>(), 1e-12) << alpha;
  }
}

TEST(AlphaDivergence, ItsGradientIsThatOfTheDivergenceWhereNothingIsClipped) {
  for (const double alpha : {-1.0, 0.0, 0.5, 1.0, 2.0}) {
    const at::Tensor p = at::softmax(at::randn({4, 5}, at::kDouble) / 2, 1), start = at::randn({4, 5}, at::kDouble) / 2;
    const DivergenceOptions only{.name = "alpha", .alpha_min = alpha, .alpha_max = alpha, .clip = 1e5};
    const at::Tensor found = gradient_of(at::softmax(start, 1), p, only);
    const auto divergence = [&](const at::Tensor& logits) {
      return alpha_divergence_values(at::log_softmax(logits, 1), p, alpha, 1e5);
    };
    constexpr double kStep = 1e-5;
    for (std::int64_t c = 0; c < 5; ++c) {
      at::Tensor up = start.clone(), down = start.clone();
      up.select(1, c).add_(kStep);
      down.select(1, c).sub_(kStep);
      EXPECT_TRUE(at::allclose(found.select(1, c), (divergence(up) - divergence(down)) / (2 * kStep), 1e-6, 1e-7))
          << alpha;
    }
  }
}

TEST(AlphaDivergence, TheTeachingHasNoGradientAndMayBeCertain) {
  const at::Tensor teaching = row({1, 0, 0}).requires_grad_(), logits = row({0, 1, -1}).requires_grad_();
  for (const double alpha : {-1.0, 0.0, 1.0}) {
    const at::Tensor loss = alpha_divergence(at::log_softmax(logits, 1), teaching.detach(),
                                             {.name = "alpha", .alpha_min = alpha, .alpha_max = alpha});
    loss.backward();
    EXPECT_TRUE(logits.grad().isfinite().all().item<bool>()) << alpha;
    EXPECT_FALSE(teaching.grad().defined());
  }
}

TEST(AlphaDivergence, IsALesson) {
  const Classification task;
  const at::Tensor teacher = at::randn({3, 4}), output = at::randn({3, 4}).requires_grad_();
  Lesson lesson{.of = {0}, .divergence = kAlpha};
  const at::Tensor teaching = task.teaching(teacher, lesson);
  const at::Tensor expected = alpha_divergence(at::log_softmax(output, 1), teaching, kAlpha);
  EXPECT_TRUE(at::equal(task.lesson_loss(output, teaching, lesson), expected));
  lesson.divergence = {};
  lesson.temperature = 0.2;  // sharpens what is taught alone (ElasticViT)
  lesson.pupil_temperature = 1;
  const at::Tensor sharp = at::softmax(teacher / 0.2, 1);
  EXPECT_TRUE(at::equal(task.teaching(teacher, lesson), sharp));
  EXPECT_TRUE(at::equal(task.lesson_loss(output, sharp, lesson), -(sharp * at::log_softmax(output, 1)).sum(1).mean()));
}

TEST(DivergenceOptions, OnesWithoutEffectAreRefused) {
  const auto read = [](const char* text) {
    DivergenceOptions options;
    read_options(nlohmann::json::parse(text), "divergence", options);
    return options;
  };
  EXPECT_EQ(read(R"({"name": "alpha", "alpha_min": -2, "clip": 3})"),
            (DivergenceOptions{.name = "alpha", .alpha_min = -2, .clip = 3}));
  EXPECT_THROWS_WITH(read(R"({"clip": 3})"), UsageError, "no effect on divergence 'cross_entropy'");
  EXPECT_THROWS_WITH(read(R"({"name": "alpha", "alpha_min": 2})"), UsageError, "alpha_min must not be above alpha_max");
  EXPECT_THROWS_WITH(read(R"({"name": "alpha", "clip": 0})"), UsageError, "nothing of the divergence");
  EXPECT_THROWS_WITH(read(R"({"name": "beta"})"), UsageError, "divergence.name");
}

}  // namespace
}  // namespace frontier
