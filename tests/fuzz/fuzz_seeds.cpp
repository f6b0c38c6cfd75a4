// fuzz_seeds FOLDER: writes FOLDER/<harness>/seeds/* and FOLDER/<harness>/tokens.dict for the fuzzer to begin with, and
// prints a line "<harness> <longest input>" for each.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>

#include "fuzz/harness.h"

namespace {

void write(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path.string());
}

/// A line of a dictionary: letters and digits as they are, every other byte as \xNN.
std::string dictionary_line(const std::string& token) {
  std::string line = "\"";
  for (const char c : token) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    line += plain ? std::string(1, c) : escaped;
  }
  return line + "\"\n";
}

void write_harness(const std::filesystem::path& folder, const std::string& name) {
  const auto harness = frontier::fuzz::make_harness(name);
  std::filesystem::create_directories(folder / name / "seeds");
  for (std::size_t i = 0; i < harness.seeds.size(); ++i)
    write(folder / name / "seeds" / std::to_string(i), harness.seeds[i]);
  std::string dictionary;
  for (const auto& token : harness.tokens) dictionary += dictionary_line(token);
  write(folder / name / "tokens.dict", dictionary);
  std::printf("%s %zu\n", name.c_str(), harness.max_length);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds FOLDER\n");
    return 2;
  }
  try {
    for (const auto& name : frontier::fuzz::harness_names()) write_harness(argv[1], name);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz_seeds: %s\n", error.what());
    return 1;
  }
  return 0;
}
