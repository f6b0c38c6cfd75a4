#pragma once

#include <string>
#include <vector>

namespace frontier {

/// What may follow an option or stand in a place.
struct Values {
  bool any = false;    ///< something at all
  bool files = false;  ///< a file or a folder
  std::vector<std::string> words{};
};

struct CompletedOption {
  std::vector<std::string> names;  ///< "--space", "-h"
  std::string summary;
  Values values;  ///< none of a flag
};

struct CompletedCommand {
  std::string name, summary;
  std::vector<CompletedOption> options;
  Values places;  ///< arguments without a name
};

/// "bash", "zsh", "fish".
const std::vector<std::string>& known_shells();
/// The script that completes the commands in a shell. @throws UsageError listing the known shells.
std::string completion_script(const std::string& shell, const std::vector<CompletedCommand>& commands);

}  // namespace frontier
