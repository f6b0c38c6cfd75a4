#include "supernet/kernels/kernels.h"

#define FRONTIER_ISA baseline
#include "supernet/kernels/kernels.inc"
