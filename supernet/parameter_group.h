#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>

#include "common/schedule.h"
#include "supernet/clipping.h"
#include "supernet/optimizer.h"
#include "supernet/parameter_store.h"

namespace frontier {

/// How a group of parameters is trained.
struct GroupOptions {
  OptimizerOptions optimizer = {};
  ScheduleOptions lr = {.start = 0.1};
  ClipOptions clip = {};
  double average_decay = 0;  ///< of a running average of the values; 0: none
};

template <class Fields>
void describe(Fields& f, GroupOptions& o) {
  f("optimizer", o.optimizer);
  f("lr", o.lr);
  f("clip", o.clip);
  f("average_decay", o.average_decay, 0.0, 0.9999999, "Of a running average of the values; 0: none.");
}

/// Parameters that take their optimiser steps together.
struct ParameterGroup {
  std::string name;                 ///< "weights", "architecture": as settings, works and checkpoints call it
  ParameterStore* store = nullptr;  ///< outlives what trains it
  std::string part = {};            ///< group within the store, see ParameterLayout::group; empty: all of it
  GroupOptions options = {};
};

/// Takes the steps of one group: clipping, learning rate, optimiser and running average. Thread-safety: none.
class GroupTrainer {
 public:
  /// @param total_steps that the learning rate is spread over.
  /// @throws UsageError for layers without adaptive clipping that the store does not have.
  GroupTrainer(const ParameterGroup& group, std::int64_t total_steps);

  double learning_rate(std::int64_t step) const { return value_at(options_.lr, step, total_steps_); }

  /// One step by the store's gradients, which the caller clears before the next. @param step of total_steps.
  /// @return the norm of the gradients, [] float64 on the store's device. Where it is not finite the parameters, the
  /// optimiser's state and the average are as before; on a CPU that costs nothing to see, elsewhere look at it later.
  /// @param rate times the learning rate.  @param momentum see StepOptions.
  at::Tensor step(std::int64_t step, double rate = 1, const std::string& momentum = "");

  /// Moves the store where plain SGD would by its gradients, see Optimizer::look_ahead: no clipping, no state changes.
  /// @returns the learning rate. @throws std::logic_error unless the optimiser is SGD.
  double look_ahead(std::int64_t step);

  const ParameterStore* average() const { return average_ ? &*average_ : nullptr; }  ///< null: there is none
  /// Writes the average into the store if there is one: the end of training.
  void use_average();

  /// "optimizer.<name>" and "average.<parameter>".
  TensorMap state() const;
  /// The average may be in one piece ("average", in the layout's order), too, as checkpoints of earlier versions have
  /// it.
  /// @throws UsageError if the tensors are not a state of this group.
  void load(const TensorMap& state);

 private:
  ParameterStore* store_;
  std::string part_;
  GroupOptions options_;
  std::int64_t total_steps_;
  Optimizer optimizer_;
  std::optional<ParameterStore> average_;
};

}  // namespace frontier
