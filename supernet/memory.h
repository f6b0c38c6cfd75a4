#pragma once

#include <string>

namespace frontier {

/// Keeps what is freed in the process, for the next step: activations of many MB come and go all the time, and giving
/// them back to the system costs a page fault for every 4 KB. Call it once, before the first tensor.
///
/// Whatever links this library allocates with tcmalloc (unless FRONTIER_TCMALLOC is OFF): glibc's malloc hardly reuses
/// aligned blocks that small ones lie between, so its heap grows to a multiple of what is in use.
void keep_freed_memory();

/// What allocates in this process, in words: "tcmalloc gperftools 2.10".
std::string allocator();

}  // namespace frontier
