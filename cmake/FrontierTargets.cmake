# How every target of the project is made: one library a folder, one test binary a folder.
include(GNUInstallDirs)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE_PROGRAM})
endif()

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET default)

add_library(frontier_options INTERFACE)
target_compile_features(frontier_options INTERFACE cxx_std_20)
target_compile_options(frontier_options INTERFACE $<BUILD_INTERFACE:-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wno-sign-conversion>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # These three misfire on std::string and std::vector in optimised code of g++ 12 (GCC bugs 105329, 105651).
  target_compile_options(frontier_options INTERFACE $<BUILD_INTERFACE:-fpch-preprocess;-Wno-restrict;-Wno-stringop-overflow;-Wno-array-bounds>)
endif()
if(FRONTIER_WERROR)
  target_compile_options(frontier_options INTERFACE $<BUILD_INTERFACE:-Werror>)
endif()
if(FRONTIER_SANITIZE)
  target_compile_options(frontier_options INTERFACE $<BUILD_INTERFACE:-fsanitize=${FRONTIER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all>)
  target_link_options(frontier_options INTERFACE $<BUILD_INTERFACE:-fsanitize=${FRONTIER_SANITIZE}>)
endif()
if(FRONTIER_FUZZ)
  if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    message(FATAL_ERROR "FRONTIER_FUZZ needs clang, whose libFuzzer it uses, not ${CMAKE_CXX_COMPILER_ID}: cmake --preset fuzz")
  endif()
  # Everything reports which of its branches ran; the fuzzer itself is linked into tests/fuzz alone.
  target_compile_options(frontier_options INTERFACE $<BUILD_INTERFACE:-fsanitize=fuzzer-no-link>)
  target_link_options(frontier_options INTERFACE $<BUILD_INTERFACE:-fsanitize=fuzzer-no-link>)
endif()

# Replaces malloc in programs that run networks (supernet/memory.h); linked even where nothing refers to it by name.
add_library(frontier_allocator INTERFACE)
if(FRONTIER_TCMALLOC)
  find_library(TCMALLOC_LIBRARY tcmalloc_minimal)
  if(NOT TCMALLOC_LIBRARY)
    message(FATAL_ERROR "tcmalloc was not found (Debian: libgoogle-perftools-dev; scripts/setup.sh installs it); -DFRONTIER_TCMALLOC=OFF builds without it")
  endif()
  target_link_libraries(frontier_allocator INTERFACE -Wl,--push-state,--no-as-needed ${TCMALLOC_LIBRARY} -Wl,--pop-state)
endif()

set_property(GLOBAL PROPERTY FRONTIER_INSTALLED_TARGETS frontier_options frontier_allocator)

# frontier_library(<folder> SOURCES ... [PUBLIC ...] [PRIVATE ...] [TORCH])
#   makes the static library frontier_<folder>, alias frontier::<folder>. TORCH links LibTorch and uses the shared precompiled header.
function(frontier_library folder)
  cmake_parse_arguments(arg "TORCH" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target frontier_${folder})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(frontier::${folder} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${folder})
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/frontier>)
  target_link_libraries(${target} PUBLIC frontier_options ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC LibTorch::LibTorch)
    frontier_use_torch_header(${target})
  endif()
  set_property(GLOBAL APPEND PROPERTY FRONTIER_INSTALLED_TARGETS ${target})
endfunction()

# One precompiled torch header for all torch targets: 30 s once instead of 7-12 s a file.
function(frontier_use_torch_header target)
  if(NOT TARGET frontier_torch_header)
    file(WRITE ${PROJECT_BINARY_DIR}/torch_header.cpp "// carries the precompiled torch header\n")
    add_library(frontier_torch_header STATIC ${PROJECT_BINARY_DIR}/torch_header.cpp)
    target_link_libraries(frontier_torch_header PRIVATE frontier_options LibTorch::LibTorch Threads::Threads)
    target_precompile_headers(frontier_torch_header PRIVATE <torch/types.h> <torch/autograd.h> <nlohmann/json.hpp>)
  endif()
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")  # the header was compiled with -fPIC; -fPIE would not accept it
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM frontier_torch_header)
endfunction()

# frontier_test(<folder> SOURCES ... LIBS ... [TORCH] [LABEL unit|slow|gpu]): the test binary <folder>_test.
function(frontier_test folder)
  cmake_parse_arguments(arg "TORCH" "LABEL;ENVIRONMENT" "SOURCES;LIBS" ${ARGN})
  if(NOT arg_LABEL)
    set(arg_LABEL unit)
  endif()
  add_executable(${folder}_test ${arg_SOURCES} ${PROJECT_SOURCE_DIR}/tests/support/environment.cpp)
  set_source_files_properties(${PROJECT_SOURCE_DIR}/tests/support/environment.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
    COMPILE_DEFINITIONS "FRONTIER_TEST_BINARY=\"$<TARGET_FILE:frontier>\";FRONTIER_TEST_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\"")
  target_link_libraries(${folder}_test PRIVATE frontier_options ${arg_LIBS} GTest::gmock GTest::gtest_main)
  target_include_directories(${folder}_test PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/tests)
  target_compile_options(${folder}_test PRIVATE $<$<CONFIG:Release>:-O1>)  # a third less time to compile than -O3
  if(arg_TORCH)
    frontier_use_torch_header(${folder}_test)
  endif()
  include(GoogleTest)
  gtest_discover_tests(${folder}_test DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 120
    PROPERTIES LABELS ${arg_LABEL} TIMEOUT 900 ENVIRONMENT "${arg_ENVIRONMENT}")
endfunction()
