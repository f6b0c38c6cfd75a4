#include "supernet/kernels/kernels.h"

#define FRONTIER_ISA avx512
#include "supernet/kernels/kernels.inc"
