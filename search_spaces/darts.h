#pragma once

#include <string>

#include "search_spaces/search_space.h"

namespace frontier {

struct DartsOptions {
  std::string name;
  InputShape input;
  std::int64_t channels = 36;     ///< C of the first cells; even; doubled in each of the two reduction cells
  int cells = 20;                 ///< at least 3; those at a third and two thirds reduce
  bool imagenet_stem = false;     ///< three convolutions of stride 2 instead of one of stride 1 and three times C
  double auxiliary_weight = 0.4;  ///< of the loss at the classifier behind two thirds of the cells; 0: there is none
};

/// The cells of DARTS (Liu, Simonyan, Yang: "DARTS: Differentiable Architecture Search", 2019, arXiv 1806.09055) and
/// PC-DARTS in the networks that are trained from scratch: each of a cell's four nodes adds two operations on two of
/// the cell's inputs and earlier nodes; all normal cells are alike, and so are the reduction cells.
///
/// Written as the papers print it: "Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6),
/// reduce=[...], reduce_concat=range(2, 6))"; the concat lists may be left out when reading. Canonical form: of cells
/// that differ in the numbering of their nodes the smallest, and `none` on the first inputs that are free.
///
/// Differs from the papers: cells may hold `none`, as long as each kind reads both of its inputs; the auxiliary
/// classifier pools to 2x2 without overlap, which works for any image.
SearchSpace darts(const DartsOptions& options);

/// C = 36, 20 cells, for CIFAR ("darts"); C = 48, 14 cells for ImageNet ("darts_imagenet").
DartsOptions darts_cifar();
DartsOptions darts_imagenet();

}  // namespace frontier
