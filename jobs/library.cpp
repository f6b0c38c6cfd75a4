#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>

#include "common/errors.h"
#include "jobs/registries.h"

namespace frontier {

void open_torch_library(Registries& registries, const DeviceOptions& options) {
  namespace fs = std::filesystem;
  const int threads = options.threads > 0 ? options.threads : num_usable_cores();
  // Read by libgomp when it is loaded. Threads that wait long give their core away; and threads that have a core each
  // stay there: without that, the scheduler may keep two of them on one core as soon as anything else runs (a training
  // beside one busy process on two cores: 3 steps a second, bound 8).
  ::setenv("GOMP_SPINCOUNT", "20000", /*overwrite=*/0);
  if (threads == num_allowed_cores() && std::getenv("GOMP_CPU_AFFINITY") == nullptr)
    ::setenv("OMP_PROC_BIND", "true", /*overwrite=*/0);
  constexpr const char* kName = "libfrontier_engine.so";
  std::vector<fs::path> places;
  if (const char* given = std::getenv("FRONTIER_ENGINE")) {
    places.emplace_back(given);
  } else {
    std::error_code error;
    const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
    for (const auto& place :
         {folder / kName, folder / ".." / "lib" / kName, folder / FRONTIER_RELATIVE_LIB_DIR / kName})
      if (fs::exists(place, error)) places.push_back(place);
  }
  if (places.empty())
    throw Error(std::string(kName) +
                " is not beside the program; this build was made without LibTorch (FRONTIER_TORCH=OFF), or the "
                "installation is incomplete");
  void* library = ::dlopen(places.front().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr)
    throw Error(std::string("cannot load the engine: ") + ::dlerror() + "; scripts/setup.sh installs LibTorch");
  void* symbol = ::dlsym(library, "frontier_register");
  if (symbol == nullptr) throw Error(places.front().string() + " is not Frontier's engine");
  reinterpret_cast<RegisterLibrary*>(symbol)(registries);
}

}  // namespace frontier
