#include "jobs/archs.h"

#include "common/data_file.h"
#include "common/errors.h"
#include "common/text.h"

namespace frontier {

std::vector<Architecture> read_archs_as_written(const SearchSpace& space, const std::vector<std::string>& texts,
                                                const std::string& file) {
  std::vector<Architecture> result;
  for (const auto& text : texts) result.push_back(space.parse_as_written(text));
  if (!file.empty()) {
    std::size_t number = 0;
    for (const auto& line : split(read_input(file), '\n')) {
      ++number;
      if (trim(line).empty()) continue;
      try {
        result.push_back(space.parse_as_written(line));
      } catch (const UsageError& error) {
        throw InvalidArchitecture(name_of_input(file) + ", line " + std::to_string(number) + ": " + error.what());
      }
    }
  }
  if (result.empty())
    throw UsageError(file.empty() ? "which architecture? Give --arch or --archs FILE"
                                  : name_of_input(file) + " holds no architecture");
  return result;
}

std::vector<Architecture> read_archs(const SearchSpace& space, const std::vector<std::string>& texts,
                                     const std::string& file) {
  std::vector<Architecture> archs = read_archs_as_written(space, texts, file);
  for (auto& arch : archs) arch = space.canonical(arch);
  return archs;
}

}  // namespace frontier
