#pragma once

#include "search_spaces/nas_bench_101_cell.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// The space of NAS-Bench-101: 21 decisions about the edges of a cell of seven vertices and five about the operations
/// of the interior ones; smaller cells leave vertices out. A listed space: the channels of a vertex depend on all
/// edges, so networks are priced by building them. Built for 3x32x32 and 10 classes.
///
/// Written as adjacency and operations, e.g. `010001000:i3o` (search_spaces/nas_bench_101_cell.h). Canonical form: the
/// benchmark's own representative of isomorphic cells.
SearchSpace nas_bench_101();

/// @throws InvalidArchitecture if the choices are no valid cell.
NasBench101Cell nas_bench_101_cell(const Architecture& arch);
Architecture nas_bench_101_architecture(const NasBench101Cell& cell);

}  // namespace frontier
