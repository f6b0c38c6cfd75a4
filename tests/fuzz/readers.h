#pragma once

#include "fuzz/harness.h"

namespace frontier::fuzz {

// Readers of `common`.
Harness json_harness();
/// Values of JSON into fields of every type.
Harness options_harness();
/// Assignments of --set.
Harness assignment_harness();
Harness csv_harness();
Harness count_harness();

// Of the command line's other languages.
Harness where_harness();
Harness objectives_harness();
Harness limits_harness();
Harness input_shape_harness();

/// The graph of an exported network.
Harness graph_harness();

/// A map, a NUL byte and a table, or two to be joined with another NUL byte between them, of NAS-Bench-201.
Harness import_harness();

}  // namespace frontier::fuzz
