#include "supernet/task.h"

#include <torch/types.h>

namespace frontier {
namespace {

/// Half precision is not enough for a loss; double stays.
at::Tensor in_float(const at::Tensor& x) { return x.scalar_type() == at::kDouble ? x : x.to(at::kFloat); }

at::Tensor cross_entropy(const at::Tensor& logits, const TrainingBatch& batch, double smoothing,
                         at::Reduction::Reduction reduction = at::Reduction::Mean) {
  const at::Tensor& target = batch.targets.defined() ? batch.targets : batch.labels;
  return at::cross_entropy_loss(in_float(logits), target, {}, reduction, -100, smoothing);
}

}  // namespace

std::map<std::string, double> Task::means(const at::Tensor& sums, std::int64_t images) const {
  const at::Tensor values = sums.to(at::kCPU, at::kDouble) / static_cast<double>(images);
  std::map<std::string, double> result;
  std::int64_t i = 0;
  for (const auto& name : metrics()) result.emplace(name, values[i++].item<double>());
  return result;
}

at::Tensor Classification::loss(const at::Tensor& output, const TrainingBatch& batch) const {
  return cross_entropy(output, batch, label_smoothing_);
}

at::Tensor Classification::clean_loss(const at::Tensor& output, const TrainingBatch& batch) const {
  return cross_entropy(output, batch, 0);
}

at::Tensor Classification::teaching(const at::Tensor& output, const Lesson& lesson) const {
  return at::softmax(in_float(output.detach()) / lesson.temperature, 1);
}

at::Tensor Classification::lesson_loss(const at::Tensor& output, const at::Tensor& teaching,
                                       const Lesson& lesson) const {
  const double temperature = lesson.pupil_temperature.value_or(lesson.temperature);
  const at::Tensor said = at::log_softmax(in_float(output) / temperature, 1);
  const at::Tensor loss = lesson.divergence.name == "alpha" ? alpha_divergence(said, teaching, lesson.divergence)
                                                            : -(teaching * said).sum(1).mean();
  return temperature == 1 ? loss : loss * (temperature * temperature);
}

at::Tensor Classification::sums(const at::Tensor& output, const TrainingBatch& batch) const {
  const at::Tensor correct = output.argmax(1).eq(batch.labels).sum();
  return at::stack({correct.to(at::kDouble), cross_entropy(output, batch, 0, at::Reduction::Sum).to(at::kDouble)});
}

}  // namespace frontier
