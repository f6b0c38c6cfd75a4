#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>

#include "support/gzip.h"

namespace frontier::testing_files {

using testing_support::gzip;

/// A folder of its own for one test, removed with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = testing::TempDir() + "frontier_datasets_XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

 private:
  std::filesystem::path path_;
};

/// Big-endian 32-bit words, as in an idx header.
inline std::string words(std::initializer_list<std::uint32_t> values) {
  std::string bytes;
  for (const std::uint32_t value : values)
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

inline std::string idx_images(std::uint32_t count, std::uint32_t height, std::uint32_t width) {
  std::string bytes = words({0x803, count, height, width});
  for (std::uint32_t i = 0; i < count * height * width; ++i) bytes += static_cast<char>(i * 7 & 255);
  return bytes;
}

/// 0, 1, ..., 9, 0, ...
inline std::string idx_labels(std::uint32_t count) {
  std::string bytes = words({0x801, count});
  for (std::uint32_t i = 0; i < count; ++i) bytes += static_cast<char>(i % 10);
  return bytes;
}

/// CIFAR-10 records with labels 0, 1, ..., 9, 0, ...; all pixels of a channel have one value: 10, 20, 30.
inline std::string cifar_records(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) {
    bytes += static_cast<char>(i % 10);
    for (const char value : {'\x0a', '\x14', '\x1e'}) bytes += std::string(1024, value);
  }
  return bytes;
}

/// 40 training and 20 test images of 5x4.
inline void write_idx_folder(const TemporaryFolder& folder) {
  folder.write("train-images-idx3-ubyte", idx_images(40, 5, 4));
  folder.write("train-labels-idx1-ubyte", idx_labels(40));
  folder.write("t10k-images-idx3-ubyte", idx_images(20, 5, 4));
  folder.write("t10k-labels-idx1-ubyte", idx_labels(20));
}

}  // namespace frontier::testing_files
