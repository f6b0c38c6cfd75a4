#include "supernet/kernels/kernels.h"

namespace frontier::kernels {

namespace baseline {
extern const Table kTable;
}
#ifdef FRONTIER_X86_KERNELS
namespace avx2 {
extern const Table kTable;
}
namespace avx512 {
extern const Table kTable;
}
#endif

const Table& table() {
#ifdef FRONTIER_X86_KERNELS
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512bw"))
    return avx512::kTable;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return avx2::kTable;
#endif
  return baseline::kTable;
}

}  // namespace frontier::kernels
