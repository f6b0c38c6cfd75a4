#include "common/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {

double value_at(const ScheduleOptions& schedule, std::int64_t step, std::int64_t total) {
  const double start = schedule.start, end = schedule.end;
  const auto s = static_cast<double>(step), warmup = static_cast<double>(schedule.warmup_steps);
  if (s < warmup) return start * (s + 1) / warmup;
  if (schedule.kind == "constant") return start;
  if (step >= total) return end;
  const double done = s - warmup, all = std::max(1.0, static_cast<double>(total) - warmup);
  if (schedule.kind == "linear") return start + (end - start) * done / all;
  if (schedule.kind == "cosine") return end + (start - end) * 0.5 * (1 + std::cos(std::numbers::pi * done / all));
  return start * std::pow(end / start, done / all);
}

void require_consistent(const ScheduleOptions& schedule) {
  if (schedule.kind == "constant" && schedule.end != 0)
    throw UsageError("a constant schedule stays at its start (" + exact(schedule.start) + "); its end = " +
                     exact(schedule.end) + " has no effect: leave it out or choose linear, cosine or exponential");
  if (schedule.kind == "exponential" && (schedule.start <= 0 || schedule.end <= 0))
    throw UsageError("an exponential schedule goes from start = " + exact(schedule.start) +
                     " to end = " + exact(schedule.end) + "; both must be above 0");
}

}  // namespace frontier
