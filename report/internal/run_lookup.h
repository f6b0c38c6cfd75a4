#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>

#include "db/store.h"

namespace frontier {

/// Null where it is not known.
inline const Run* run_with(const std::optional<std::int64_t>& id, std::span<const Run> runs) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const Run& run) { return id && run.id == *id; });
  return found == runs.end() ? nullptr : &*found;
}

/// The last training, up to a run, of the supernet that is in the run's checkpoint; null where there is none.
inline const Run* training_of(const Run& run, std::span<const Run> runs) {
  const Run* found = nullptr;
  for (const Run& other : runs)
    if (other.kind == "train" && other.id <= run.id && !run.checkpoint.empty() && other.checkpoint == run.checkpoint)
      found = &other;
  return found;
}

}  // namespace frontier
