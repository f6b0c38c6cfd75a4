// The fuzzer's side of a harness: FRONTIER_FUZZ_HARNESS says which one, so that one program does for all of them.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "fuzz/harness.h"

namespace {

frontier::fuzz::Harness& harness() {
  static frontier::fuzz::Harness chosen;
  return chosen;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("FRONTIER_FUZZ_HARNESS");
  try {
    harness() = frontier::fuzz::make_harness(name == nullptr ? "" : name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "FRONTIER_FUZZ_HARNESS: %s\n", error.what());
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  harness().check({reinterpret_cast<const char*>(data), size});  // what it throws ends the program: a crash found
  return 0;
}
