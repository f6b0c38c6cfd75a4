#include "datasets/internal/mixing.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "common/errors.h"

namespace frontier {
namespace {

/// The logarithm of a draw from Gamma(shape, 1): Marsaglia and Tsang, "A simple method for generating gamma variables",
/// 2000; below shape 1 by a power of a uniform, which is why it is the logarithm.
double draw_log_gamma(double shape, Rng& rng) {
  if (shape < 1) return draw_log_gamma(shape + 1, rng) + std::log(1 - rng.uniform()) / shape;
  const double d = shape - 1.0 / 3.0;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return std::log(d * v);
  }
}

using Partners = std::vector<std::int64_t>;

Partners draw_partners(std::int64_t count, Rng& rng) {
  Partners partners(static_cast<std::size_t>(count));
  std::iota(partners.begin(), partners.end(), std::int64_t{0});
  rng.shuffle(partners);
  return partners;
}

/// [B, classes]: `share` of each label's one-hot row and the rest of its partner's.
at::Tensor mixed_targets(const at::Tensor& labels, const Partners& partners, double share, int classes,
                         const at::TensorOptions& options) {
  at::Tensor targets = at::zeros({labels.size(0), classes}, options);
  float* row = targets.mutable_data_ptr<float>();
  const auto* label = labels.const_data_ptr<std::int64_t>();
  for (std::size_t i = 0; i < partners.size(); ++i, row += classes) {
    row[label[i]] += static_cast<float>(share);
    row[label[partners[i]]] += static_cast<float>(1 - share);
  }
  return targets;
}

/// Every pixel: share * own + (1 - share) * partner's.
void average(at::Tensor& images, const Partners& partners, double share) {
  const at::Tensor source = images.clone();
  const std::int64_t size = images.numel() / images.size(0);
  const auto own = static_cast<float>(share), other = static_cast<float>(1 - share);
  float* out = images.mutable_data_ptr<float>();
  for (const std::int64_t partner : partners) {
    const float* from = source.const_data_ptr<float>() + partner * size;
    for (std::int64_t i = 0; i < size; ++i, ++out) *out = own * *out + other * from[i];
  }
}

/// Pastes one rectangle of the partner's into every image: a share of 1 - `share` of the area about a point anywhere,
/// cut off at the border. Returns the share really left.
double paste(at::Tensor& images, const Partners& partners, double share, Rng& rng) {
  const std::int64_t channels = images.size(1), height = images.size(2), width = images.size(3);
  const double side = std::sqrt(1 - share);
  const auto part = [&](std::int64_t full) {
    const auto length = static_cast<std::int64_t>(side * static_cast<double>(full));
    const auto first = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(full))) - length / 2;
    return std::pair(std::max<std::int64_t>(first, 0), std::min(first + length, full));
  };
  const auto [top, bottom] = part(height);
  const auto [left, right] = part(width);
  const at::Tensor source = images.clone();
  const float* from = source.const_data_ptr<float>();
  float* out = images.mutable_data_ptr<float>();
  const std::int64_t row = width * channels;
  for (std::size_t i = 0; i < partners.size(); ++i, out += height * row)
    for (std::int64_t y = top; y < bottom; ++y) {
      const float* first = from + (partners[i] * height + y) * row;
      std::copy(first + left * channels, first + right * channels, out + y * row + left * channels);
    }
  return 1 - static_cast<double>((bottom - top) * (right - left)) / static_cast<double>(height * width);
}

}  // namespace

double draw_beta(double alpha, Rng& rng) {
  const double a = draw_log_gamma(alpha, rng);
  const double b = draw_log_gamma(alpha, rng);
  return 1 / (1 + std::exp(b - a));
}

Mixer::Mixer(const AugmentOptions& options, int classes, std::int64_t batch_size)
    : mixup_(options.mixup),
      cutmix_(options.cutmix),
      probability_(options.mix_probability),
      cutmix_share_(options.cutmix_share),
      classes_(classes) {
  const auto refuse = [](const std::string& what) { throw UsageError("loader.augment." + what); };
  const AugmentOptions defaults;
  constexpr double kSmallestAlpha = 0.001;  // below, nearly every draw is 0 or 1
  for (const auto& [name, alpha] : {std::pair("mixup", mixup_), std::pair("cutmix", cutmix_)})
    if (alpha > 0 && alpha < kSmallestAlpha) refuse(std::string(name) + " is below 0.001; 0 switches it off");
  const bool mixes = mixup_ > 0 || cutmix_ > 0;
  if (!mixes && probability_ != defaults.mix_probability)
    refuse("mix_probability has no effect without loader.augment.mixup or loader.augment.cutmix");
  if (mixes && probability_ == 0)
    refuse("mix_probability = 0 never mixes a batch; set loader.augment.mixup and loader.augment.cutmix to 0 instead");
  if (mixes && batch_size == 1)
    refuse("mixup and loader.augment.cutmix need two images a batch; loader.batch_size is 1");
  const bool both = mixup_ > 0 && cutmix_ > 0;
  if (!both && cutmix_share_ != defaults.cutmix_share)
    refuse("cutmix_share has no effect unless both loader.augment.mixup and loader.augment.cutmix are above 0");
  if (both && cutmix_share_ == 0) refuse("cutmix has no effect beside mixup with loader.augment.cutmix_share = 0");
  if (both && cutmix_share_ == 1) refuse("mixup has no effect beside cutmix with loader.augment.cutmix_share = 1");
}

void Mixer::mix(Batch& batch, Rng rng) const {
  if (mixup_ == 0 && cutmix_ == 0) return;
  if (probability_ < 1 && rng.uniform() >= probability_) return;
  const bool both = mixup_ > 0 && cutmix_ > 0;
  const bool cutmix = both ? rng.uniform() < cutmix_share_ : cutmix_ > 0;
  double share = draw_beta(cutmix ? cutmix_ : mixup_, rng);
  const Partners partners = draw_partners(batch.labels.size(0), rng);
  if (cutmix)
    share = paste(batch.images, partners, share, rng);
  else
    average(batch.images, partners, share);
  batch.targets = mixed_targets(batch.labels, partners, share, classes_,
                                at::TensorOptions(at::kFloat).pinned_memory(batch.images.is_pinned()));
}

}  // namespace frontier
