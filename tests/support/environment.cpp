// Part of every test program: where the program under test and the sources are, unless the caller says otherwise.

#include <cstdlib>

namespace {

const bool g_environment_set = [] {
  ::setenv("FRONTIER_BINARY", FRONTIER_TEST_BINARY, /*overwrite=*/0);
  ::setenv("FRONTIER_SOURCE_DIR", FRONTIER_TEST_SOURCE_DIR, /*overwrite=*/0);
  return true;
}();

}  // namespace

// LibTorch keeps what it allocates once until the end, which the leak checker would report.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "detect_leaks=0"; }
