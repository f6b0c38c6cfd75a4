#include "supernet/memory.h"

#ifdef FRONTIER_TCMALLOC
#include <gperftools/malloc_extension.h>
#include <gperftools/tcmalloc.h>
#else
#include <malloc.h>
#endif

namespace frontier {

#ifdef FRONTIER_TCMALLOC

void keep_freed_memory() { MallocExtension::instance()->SetMemoryReleaseRate(0); }
std::string allocator() { return "tcmalloc " TC_VERSION_STRING; }

#else

void keep_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
}
std::string allocator() { return "malloc of the C library"; }

#endif

}  // namespace frontier
