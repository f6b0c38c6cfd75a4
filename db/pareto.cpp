#include "db/pareto.h"

#include <algorithm>

#include "common/errors.h"
#include "common/text.h"
#include "db/filter.h"

namespace frontier {

std::string_view to_string(Direction direction) { return direction == Direction::kMin ? "min" : "max"; }

std::vector<Objective> parse_objectives(std::string_view text) {
  std::vector<Objective> objectives;
  for (const std::string& item : split(text, ',')) {
    const auto colon = item.rfind(':');
    const std::string name(trim(std::string_view(item).substr(0, colon)));
    const std::string direction(colon == std::string::npos ? "" : trim(std::string_view(item).substr(colon + 1)));
    if (!is_field_name(name) || (direction != "min" && direction != "max"))
      throw UsageError("objective '" + printable(item) +
                       "': write name:min or name:max, several joined by commas, like top1:max,macs:min");
    const auto same = [&](const Objective& other) { return other.name == name; };
    if (std::any_of(objectives.begin(), objectives.end(), same))
      throw UsageError("objective '" + name + "' is given twice");
    objectives.push_back({name, direction == "min" ? Direction::kMin : Direction::kMax});
  }
  return objectives;
}

}  // namespace frontier
