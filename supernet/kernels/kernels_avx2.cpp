#include "supernet/kernels/kernels.h"

#define FRONTIER_ISA avx2
#include "supernet/kernels/kernels.inc"
