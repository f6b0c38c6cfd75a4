# Finds LibTorch without torch's own CMake package, which insists on a full CUDA toolkit even for programs that use none.
# Looks in the project's .venv first, then along CMAKE_PREFIX_PATH (a LibTorch folder, or a Python environment's torch folder).
# Targets: LibTorch::LibTorch (CPU; with FRONTIER_CUDA also the CUDA libraries). Sets LibTorch_VERSION, LibTorch_CUDA.
file(GLOB _venv_torch ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(LibTorch_INCLUDE_DIR ATen/ATen.h HINTS ${_venv_torch} PATH_SUFFIXES include)
get_filename_component(_torch_root "${LibTorch_INCLUDE_DIR}" DIRECTORY)
find_library(LibTorch_CPU_LIBRARY torch_cpu HINTS ${_torch_root} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 HINTS ${_torch_root} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_CUDA_LIBRARY torch_cuda HINTS ${_torch_root} PATH_SUFFIXES lib NO_DEFAULT_PATH)
find_library(LibTorch_C10_CUDA_LIBRARY c10_cuda HINTS ${_torch_root} PATH_SUFFIXES lib NO_DEFAULT_PATH)

if(LibTorch_INCLUDE_DIR AND EXISTS ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h)
  set(_version_file ${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h)
else()
  set(_version_file ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/version.h)
endif()
if(EXISTS ${_version_file})
  file(STRINGS ${_version_file} _version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) [0-9]+")
  string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" LibTorch_VERSION "${_version_lines}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch REQUIRED_VARS LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY
  VERSION_VAR LibTorch_VERSION REASON_FAILURE_MESSAGE "run scripts/setup.sh, or put a LibTorch folder on CMAKE_PREFIX_PATH")

set(LibTorch_CUDA OFF)
if(NOT FRONTIER_CUDA STREQUAL "OFF" AND LibTorch_CUDA_LIBRARY)
  find_package(CUDAToolkit 12 QUIET)
  # The CUDA libraries of the wheel need the rest of NVIDIA's packages beside it: link them only where those are complete.
  file(GLOB _nccl ${_torch_root}/../nvidia/nccl/lib/libnccl.so* ${_torch_root}/lib/libnccl*.so*)
  if(CUDAToolkit_FOUND AND _nccl)
    set(LibTorch_CUDA ON)
  endif()
endif()
if(FRONTIER_CUDA STREQUAL "ON" AND NOT LibTorch_CUDA)
  message(FATAL_ERROR "FRONTIER_CUDA=ON, but the CUDA toolkit or LibTorch's CUDA libraries with their dependencies were not found "
    "(FRONTIER_CUDA=ON scripts/setup.sh installs the complete wheel)")
endif()

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  set(_dirs ${LibTorch_INCLUDE_DIR} ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include)
  add_library(LibTorch::c10 SHARED IMPORTED)
  set_target_properties(LibTorch::c10 PROPERTIES IMPORTED_LOCATION ${LibTorch_C10_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES IMPORTED_LOCATION ${LibTorch_CPU_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
  target_link_libraries(LibTorch::cpu INTERFACE LibTorch::c10)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # at::parallel_for is a header whose body is serial unless it is compiled with OpenMP, as LibTorch is.
  find_package(OpenMP REQUIRED COMPONENTS CXX)
  # The flag alone: the library it names at run time is LibTorch's own copy of libgomp, so that there is one pool of threads.
  target_compile_options(LibTorch::LibTorch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${OpenMP_CXX_FLAGS}>)
  target_link_options(LibTorch::LibTorch INTERFACE ${OpenMP_CXX_FLAGS})
  target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::cpu)
  if(LibTorch_CUDA)
    add_library(LibTorch::cuda SHARED IMPORTED)
    set_target_properties(LibTorch::cuda PROPERTIES IMPORTED_LOCATION ${LibTorch_CUDA_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
    add_library(LibTorch::c10_cuda SHARED IMPORTED)
    set_target_properties(LibTorch::c10_cuda PROPERTIES IMPORTED_LOCATION ${LibTorch_C10_CUDA_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES "${_dirs}")
    # Nothing references libtorch_cuda by symbol; without --no-as-needed the linker would drop it and CUDA would be absent at run time.
    target_link_libraries(LibTorch::LibTorch INTERFACE -Wl,--no-as-needed LibTorch::cuda LibTorch::c10_cuda -Wl,--as-needed CUDA::cudart)
    target_compile_definitions(LibTorch::LibTorch INTERFACE FRONTIER_CUDA)
  endif()
endif()
