#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "supernet/divergence.h"

namespace frontier {

/// Inputs of a network and what it should say of them.
struct TrainingBatch {
  at::Tensor images;   ///< [B, C, H, W] float32, channels-last
  at::Tensor labels;   ///< [B] int64
  at::Tensor targets;  ///< [B, classes] float32 where images are mixed; undefined: the labels are all
};

/// From whom a subnet learns in place of the labels, or beside them: the mean of what the teachers say.
struct Lesson {
  std::vector<std::size_t> of = {};              ///< earlier subnets of the same work
  std::string teacher = {};                      ///< a network that the trainer was given under this name
  double temperature = 1;                        ///< logits of the teachers are divided by it, and the pupil's, ...
  std::optional<double> pupil_temperature = {};  ///< ... which have another one where it is given
  double share = 1;                              ///< of the loss; the rest of it is by the labels
  DivergenceOptions divergence = {};
  bool is_from_labels() const { return of.empty() && teacher.empty(); }
};

/// A network that teaches: what it says of images [B, C, H, W], without gradients.
using Teacher = std::function<at::Tensor(const at::Tensor& images)>;

/// What networks are trained for and judged by. Loss, metrics and what a network teaches are values; totals stay on the
/// device until they are asked for. Thread-safety: const.
class Task {
 public:
  virtual ~Task() = default;
  virtual std::string_view name() const = 0;
  /// The loss of training, mean over the batch: [] float32. @param output of the network, e.g. logits [B, classes].
  virtual at::Tensor loss(const at::Tensor& output, const TrainingBatch& batch) const = 0;
  /// Without what makes training harder (label smoothing); images that are mixed count by their targets.
  virtual at::Tensor clean_loss(const at::Tensor& output, const TrainingBatch& batch) const = 0;
  /// What a network teaches, without gradients.
  virtual at::Tensor teaching(const at::Tensor& output, const Lesson& lesson) const = 0;
  /// The loss against the teachers' mean teaching, of gradients that do not shrink with the temperature.
  virtual at::Tensor lesson_loss(const at::Tensor& output, const at::Tensor& teaching, const Lesson& lesson) const = 0;

  /// What is measured, the metric that decides first.
  virtual std::vector<std::string> metrics() const = 0;
  /// Sums over the images of a batch, one a metric: [metrics] float64, on the output's device.
  virtual at::Tensor sums(const at::Tensor& output, const TrainingBatch& batch) const = 0;
  /// The metrics of so many images from the sum of their sums.
  std::map<std::string, double> means(const at::Tensor& sums, std::int64_t images) const;
};

/// Classes by cross-entropy: "top1" and "loss".
class Classification : public Task {
 public:
  explicit Classification(double label_smoothing = 0) : label_smoothing_(label_smoothing) {}
  std::string_view name() const override { return "classification"; }
  at::Tensor loss(const at::Tensor& output, const TrainingBatch& batch) const override;
  at::Tensor clean_loss(const at::Tensor& output, const TrainingBatch& batch) const override;
  /// softmax(logits / temperature).
  at::Tensor teaching(const at::Tensor& output, const Lesson& lesson) const override;
  /// The pupil's temperature squared times the cross-entropy to it (Hinton, Vinyals and Dean, arXiv 1503.02531), or the
  /// lesson's other divergence.
  at::Tensor lesson_loss(const at::Tensor& output, const at::Tensor& teaching, const Lesson& lesson) const override;
  std::vector<std::string> metrics() const override { return {"top1", "loss"}; }
  at::Tensor sums(const at::Tensor& output, const TrainingBatch& batch) const override;

 private:
  double label_smoothing_;
};

}  // namespace frontier
