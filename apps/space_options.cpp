#include "apps/space_options.h"

#include "apps/command.h"

namespace frontier {

InputShape BuiltFor::input_of(const SearchSpace& space) const {
  InputShape shape = space.default_input();
  if (classes) shape.classes = *classes;
  if (input.empty())
    return parse_input_shape(
        std::to_string(shape.channels) + "x" + std::to_string(shape.height) + "x" + std::to_string(shape.width),
        shape.classes);
  return parse_input_shape(input, shape.classes);
}

void add_built_for(CLI::App& command, BuiltFor& options) {
  command.add_option("--input", options.input, "Channels x height x width, e.g. 3x32x32 (default: the space's)");
  command.add_option("--classes", options.classes, "Number of classes (default: the space's)")->check(whole_number());
}

void add_arch_options(CLI::App& command, ArchOptions& options) {
  command.add_option("--arch", options.archs, "An architecture in the space's notation or as JSON; may be repeated")
      ->take_all();
  command.add_option("--archs", options.file, "A file with one architecture a line; - is standard input");
}

}  // namespace frontier
