#pragma once

#include <memory>

#include "fuzz/harness.h"
#include "search_spaces/search_space.h"

namespace frontier::fuzz {

/// The notation and the JSON form of a space.
Harness notation_harness(std::shared_ptr<const SearchSpace> space);
/// The cells of NAS-Bench-101, which are read without a space, too.
Harness nas_bench_101_cell_harness();

}  // namespace frontier::fuzz
