#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "search_spaces/architecture.h"

namespace frontier {

/// What an evaluator found out about one architecture.
struct Measurement {
  std::map<std::string, double> metrics;  ///< "top1" and "top5" fractions in [0, 1], "loss" in nats, "images", ...
  double seconds = 0;                     ///< its share of the time spent
  /// Batch-norm statistics it was measured with, bytes of a safetensors file; empty: not kept.
  std::string statistics = {};
};

/// Told of each group of architectures as soon as it is measured: their places in what was given, and what was found.
/// May throw to stop.
using GroupMeasured = std::function<void(std::span<const std::size_t> places, std::span<const Measurement> found)>;

/// Measures architectures, many at once so that work can be shared. Deterministic: equal calls give equal metrics, and
/// what an architecture gets does not depend on which others it is measured with.
class Evaluator {
 public:
  virtual ~Evaluator() = default;
  /// result[i] belongs to archs[i]. @throws Interrupted when the user asked to stop.
  virtual std::vector<Measurement> evaluate(std::span<const Architecture> archs) = 0;
};

}  // namespace frontier
