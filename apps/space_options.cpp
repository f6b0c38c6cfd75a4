#include "apps/space_options.h"

#include "common/errors.h"
#include "common/files.h"
#include "common/text.h"

namespace frontier {

InputShape BuiltFor::input_of(const SearchSpace& space) const {
  InputShape shape = space.default_input();
  if (classes != 0) shape.classes = classes;
  if (input.empty())
    return parse_input_shape(
        std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" + std::to_string(shape.width),
        shape.classes);
  return parse_input_shape(input, shape.classes);
}

void add_built_for(CLI::App& command, BuiltFor& options) {
  command.add_option("--input", options.input, "Channels x height x width, e.g. 3x32x32 (default: the space's)");
  command.add_option("--classes", options.classes, "Number of classes (default: the space's)");
}

void add_arch_options(CLI::App& command, ArchOptions& options) {
  command.add_option("--arch", options.archs, "An architecture in the space's notation or as JSON; may be repeated")
      ->take_all();
  command.add_option("--archs", options.file, "A file with one architecture a line");
}

std::vector<Architecture> ArchOptions::read(const SearchSpace& space) const {
  std::vector<Architecture> archs_read = read_as_written(space);
  for (auto& arch : archs_read) arch = space.canonical(arch);
  return archs_read;
}

std::vector<Architecture> ArchOptions::read_as_written(const SearchSpace& space) const {
  std::vector<Architecture> result;
  for (const auto& text : archs) result.push_back(space.parse_as_written(text));
  if (!file.empty()) {
    std::size_t number = 0;
    for (const auto& line : split(read_file(file), '\n')) {
      ++number;
      if (trim(line).empty()) continue;
      try {
        result.push_back(space.parse_as_written(line));
      } catch (const UsageError& error) {
        throw InvalidArchitecture(file + ", line " + std::to_string(number) + ": " + error.what());
      }
    }
  }
  if (result.empty())
    throw UsageError(file.empty() ? "which architecture? Give --arch or --archs FILE"
                                  : file + " holds no architecture");
  return result;
}

}  // namespace frontier
