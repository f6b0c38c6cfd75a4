#include "jobs/torch/compare_state.h"

#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/text.h"

namespace frontier {

// In this namespace, where the JSON library finds them.
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ComparedBin, least, most, archs, macs)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PlannedArm, name, config, macs_a_step, seconds_a_step, cost_steps)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(ComparePlan, seeds, budgets, steps, arms, space, split, dearest, bins, own,
                                   own_config)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PartResult, run, macs, seconds, top1)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CompareState, run, threads, settings, plan, done)

namespace {

constexpr const char* kFormat = "frontier comparison 1";

std::filesystem::path file_in(const std::filesystem::path& folder) { return folder / kComparisonFile; }

/// Of everything but itself.
std::string checksum_of(nlohmann::json file) {
  file.erase("checksum");
  return crc32_hex(file.dump());
}

}  // namespace

bool has_comparison(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(file_in(folder), ignored);
}

CompareState load_comparison(const std::filesystem::path& folder) {
  const std::string name = file_in(folder).string();
  const nlohmann::json file = parse_json(read_file(file_in(folder)), name);
  if (!file.is_object() || file.value("format", nlohmann::json()) != kFormat)
    throw UsageError("'" + printable(name) + "' is no comparison of this version (format must be \"" + kFormat + "\")");
  if (file.value("checksum", nlohmann::json()) != checksum_of(file))
    throw UsageError("'" + printable(name) + "' was changed or is damaged: its checksum does not fit");
  try {
    return file.get<CompareState>();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("'" + printable(name) + "' lacks a part of what a comparison keeps");
  }
}

void save_comparison(const std::filesystem::path& folder, const CompareState& state) {
  nlohmann::json file = state;
  file["format"] = kFormat;
  file["checksum"] = checksum_of(file);
  write_file(file_in(folder), file.dump(1) + "\n");
}

MeasuredComparison comparison_of(const CompareState& state, const std::filesystem::path& folder) {
  const ComparePlan& plan = state.plan;
  const auto result_of = [&](const std::string& part) -> const PartResult& {
    const auto found = state.done.find(part);
    if (found == state.done.end()) throw Error("part '" + part + "' of the comparison is not done");
    return found->second;
  };
  MeasuredComparison comparison{.seeds = plan.seeds, .dearest = plan.dearest, .bins = plan.bins, .arms = {}, .own = {}};
  for (const std::string& budget : plan.budgets)
    for (const PlannedArm& arm : plan.arms) {
      const std::int64_t steps = plan.steps_of(arm, budget);
      ComparedArm compared{arm.name, budget, steps, {}};
      for (const std::int64_t seed : plan.seeds) {
        const std::string name = part_name(arm, steps, seed);
        const PartResult& result = result_of(name);
        compared.trainings.push_back(
            {seed, result.run, (folder / name).string(), result.macs, result.seconds, result.top1});
      }
      comparison.arms.push_back(std::move(compared));
    }
  for (const ComparePart& part : parts_of(plan)) {
    if (!part.own) continue;
    const PartResult& result = result_of(part.name);
    comparison.own.push_back({*part.own, result.run, result.macs, result.seconds, result.top1.at(0)});
  }
  return comparison;
}

}  // namespace frontier
