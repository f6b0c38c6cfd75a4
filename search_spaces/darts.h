#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "search_spaces/search_space.h"

namespace frontier {

struct DartsOptions {
  std::string name;
  InputShape input;
  std::int64_t channels = 36;  ///< C of the first cells; even; doubled in each of the two reduction cells
  int cells = 20;              ///< those at a third and two thirds reduce: of one or two cells all
  int nodes = 4;               ///< of a cell, the last four of which are its output
  /// "regular", the papers' eight; "no_skip": without skip_connect; "all_skip": a skip beside the operation of every
  /// edge (DARTS-Bench-Suite, arXiv 2507.16533)
  std::string operations = "regular";
  bool imagenet_stem = false;     ///< three convolutions of stride 2 instead of one of stride 1 and three times C
  double auxiliary_weight = 0.4;  ///< of the loss at the classifier behind two thirds of the cells; 0: there is none
  /// The network in which DARTS searches, of the same decisions: norms of the cells without weight and bias, one behind
  /// each pool.
  bool search = false;
  std::int64_t partial = 1;  ///< the K of PC-DARTS: one in K channels of an edge passes through its operations
};

/// What settings may say.
template <class Fields>
void describe(Fields& f, DartsOptions& o) {
  f("cells", o.cells, 1, 1000,
    "Cells of the network; those at a third and two thirds halve height and width, of one or two cells all.");
  f("nodes", o.nodes, 2, 12, "Nodes of a cell; the last four are its output.");
  f("operations", o.operations, {"regular", "no_skip", "all_skip"},
    "regular: the papers' eight; no_skip: without skip_connect; all_skip: a skip beside the operation of every edge.");
  f("channels", o.channels, 2, 4096,
    "Channels of the first cells, even; doubled in each of the two cells that reduce.");
  f("auxiliary_weight", o.auxiliary_weight, 0.0, 100.0,
    "Weight of the loss at the classifier behind two thirds of the cells; 0: there is none.");
  f("search", o.search,
    "The network in which DARTS searches: norms of the cells without weight and bias, one behind each pool.");
  f("partial", o.partial, 1, 4096, "The K of PC-DARTS: one in K channels of an edge passes through its operations.");
}

/// The cells of DARTS (Liu, Simonyan, Yang: "DARTS: Differentiable Architecture Search", 2019, arXiv 1806.09055) and
/// PC-DARTS in the networks that are trained from scratch: each of a cell's four nodes adds two operations on two of
/// the cell's inputs and earlier nodes; all normal cells are alike, and so are the reduction cells.
///
/// Written as the papers print it: "Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6),
/// reduce=[...], reduce_concat=range(2, 6))"; the concat lists may be left out when reading. Canonical form: of cells
/// that differ in the numbering of their nodes the smallest, and `none` on the first inputs that are free; cells of
/// more than five nodes have none beyond what has no effect.
///
/// Differs from the papers: cells may hold `none`, as long as each kind reads both of its inputs; the auxiliary
/// classifier pools to 2x2 without overlap, which works for any image.
/// @throws UsageError for options that do not fit together.
SearchSpace darts(const DartsOptions& options);
/// With the options of settings; the space's name says those that differ from `defaults`. With "search" the defaults
/// are those of the papers' search: C = 16, 8 cells, no auxiliary classifier.
SearchSpace darts(const DartsOptions& defaults, const nlohmann::json& options);

/// C = 36, 20 cells, for CIFAR ("darts"); C = 48, 14 cells for ImageNet ("darts_imagenet").
DartsOptions darts_cifar();
DartsOptions darts_imagenet();

}  // namespace frontier
