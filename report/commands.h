#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/store.h"
#include "report/page.h"

namespace frontier {

/// What one may do with a network that the database knows, as lines for a shell in the folder that the runs were
/// started in: export it, train it alone, measure it on test images, look it up. None where what a line would have to
/// say cannot be shown as it is (control characters).
/// @param runs that the database holds.  @param letter names the files that are written.
std::vector<Command> commands_for(const Result& result, std::span<const Run> runs, const std::string& database,
                                  const std::string& letter);

/// What prints the panel's front; empty where it cannot be shown. @param run that the panel's results are of; none:
/// any.
std::string front_command(const Panel& panel, const std::string& database, const std::optional<std::int64_t>& run);

}  // namespace frontier
