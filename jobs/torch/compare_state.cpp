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
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CompareState, run, threads, settings, plan)

namespace {

constexpr const char *kComparison = "frontier comparison 2", *kPart = "frontier comparison part 1";

std::filesystem::path file_in(const std::filesystem::path& folder) { return folder / kComparisonFile; }

/// Of everything but itself.
std::string checksum_of(nlohmann::json file) {
  file.erase("checksum");
  return crc32_hex(file.dump());
}

void write_checked(const std::filesystem::path& path, nlohmann::json file, const char* format) {
  file["format"] = format;
  file["checksum"] = checksum_of(file);
  write_file(path, file.dump(1) + "\n");
}

template <class Kept>
Kept read_checked(const std::filesystem::path& path, const char* format) {
  const std::string name = path.string();
  const nlohmann::json file = parse_json(read_file(path), name);
  if (!file.is_object() || file.value("format", nlohmann::json()) != format)
    throw UsageError("'" + printable(name) + "' is no comparison of this version (format must be \"" + format + "\")");
  if (file.value("checksum", nlohmann::json()) != checksum_of(file))
    throw UsageError("'" + printable(name) + "' was changed or is damaged: its checksum does not fit");
  try {
    return file.get<Kept>();
  } catch (const nlohmann::json::exception&) {
    throw UsageError("'" + printable(name) + "' lacks a part of what a comparison keeps");
  }
}

}  // namespace

bool has_comparison(const std::filesystem::path& folder) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(file_in(folder), ignored);
}

CompareState load_comparison(const std::filesystem::path& folder) {
  auto state = read_checked<CompareState>(file_in(folder), kComparison);
  read_done(folder, parts_of(state.plan), state);
  return state;
}

void save_comparison(const std::filesystem::path& folder, const CompareState& state) {
  write_checked(file_in(folder), state, kComparison);
}

std::filesystem::path part_file(const std::filesystem::path& folder, const ComparePart& part) {
  return folder / (part.name + ".json");
}

void save_part(const std::filesystem::path& folder, const ComparePart& part, const PartResult& result) {
  write_checked(part_file(folder, part), result, kPart);
}

void read_done(const std::filesystem::path& folder, std::span<const ComparePart> parts, CompareState& state) {
  std::error_code ignored;
  for (const ComparePart& part : parts) {
    const auto file = part_file(folder, part);
    if (state.find(part) == nullptr && std::filesystem::is_regular_file(file, ignored))
      state.done[part.name] = read_checked<PartResult>(file, kPart);
  }
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
