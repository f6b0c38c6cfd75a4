#pragma once

#include <cstdint>
#include <string>

namespace frontier {

/// A number that changes over a training: a learning rate, a temperature, a drop-path rate, the weight of an entropy.
struct ScheduleOptions {
  /// From `start` to `end`: "constant" (stays at start), "linear", "cosine" (half a period: Loshchilov and Hutter,
  /// arXiv 1608.03983, equation 5, without restarts) or "exponential" (an equal factor every step).
  std::string kind = "constant";
  double start = 0;               ///< behind the warm-up
  double end = 0;                 ///< reached after the last step
  std::int64_t warmup_steps = 0;  ///< step s of them has (s + 1) / warmup_steps of start; they are part of the total
};

/// The value at `step`, counted from 0, of `total` steps; from `total` on it is the end.
double value_at(const ScheduleOptions& schedule, std::int64_t step, std::int64_t total);

/// @throws UsageError where settings contradict each other or have no effect: an end of a constant, an exponential way
/// from or to something that is not positive.
void require_consistent(const ScheduleOptions& schedule);

template <class Fields>
void describe(Fields& f, ScheduleOptions& o) {
  f("kind", o.kind, {"constant", "linear", "cosine", "exponential"}, "How the value goes from its start to its end.");
  f("start", o.start, -1e6, 1e6, "The value behind the warm-up.");
  f("end", o.end, -1e6, 1e6, "The value after the last step.");
  f("warmup_steps", o.warmup_steps, 0, std::int64_t{1} << 40, "Steps in which the value rises from 0 to its start.");
  require_consistent(o);
}

}  // namespace frontier
