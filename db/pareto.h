#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/errors.h"

namespace frontier {

enum class Direction { kMin, kMax };

/// What a front is drawn over: macs, params, seconds or a metric, and whether less or more of it is better.
struct Objective {
  std::string name;
  Direction direction = Direction::kMin;
  bool operator==(const Objective&) const = default;
};

/// A value as something to minimise, and back: the other sign where the objective is maximised.
inline double minimised(const Objective& objective, double value) {
  return objective.direction == Direction::kMax ? -value : value;
}

/// Reads "top1:max,macs:min". @throws UsageError for anything else, and for a name said twice.
std::vector<Objective> parse_objectives(std::string_view text);

std::string_view to_string(Direction direction);

/// Whether numbers of several protocols may share one front.
enum class Mixing { kRefuse, kAllow };

/// They may not, and a front was asked for over several.
struct MixedProtocols : UsageError {
  using UsageError::UsageError;
};

}  // namespace frontier
