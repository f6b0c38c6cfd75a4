#include "jobs/torch/compare_config.h"

#include <algorithm>
#include <set>

#include "common/errors.h"
#include "common/text.h"
#include "jobs/torch/inherit.h"
#include "jobs/torch/prepare.h"
#include "search_spaces/registry.h"

namespace frontier {
namespace {

constexpr std::int64_t kMostSeeds = 1000;
constexpr std::size_t kLongestName = 40;

/// Names become names of folders.
void require_name(const std::string& name, const std::string& place) {
  const bool is_plain = std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return c < 128 && (std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.');
  });
  if (!is_plain || name.empty() || name.front() == '.' || name.size() > kLongestName)
    throw UsageError(place + ".name '" + printable(name) + "': write up to " + std::to_string(kLongestName) +
                     " letters, digits, '_', '-' and '.', no '.' first");
}

/// A sampler is chosen anew, never mixed from two: settings of one mean nothing to another.
nlohmann::json sampler_of(const nlohmann::json& sampler, const std::string& place) {
  nlohmann::json object = sampler;
  if (sampler.is_string()) object = {{"name", sampler}};
  if (!object.is_object() || !object.contains("name") || !object["name"].is_string())
    throw UsageError(place + ".sampler must be a name, or an object with one, e.g. {\"name\": \"uniform\"}");
  const auto known = known_samplers();
  const std::string name = object["name"];
  if (std::find(known.begin(), known.end(), name) == known.end())
    throw UsageError(unknown_name("sampler", name, known));
  return object;
}

ArmConfig read_arm(const nlohmann::json& arm, const nlohmann::json& shared, const std::string& place) {
  ArmOptions options;
  read_options(arm, place, options);
  const nlohmann::json::json_pointer steps("/steps");
  if (options.trainer.is_object() && options.trainer.contains(steps))
    throw UsageError(place + ".trainer.steps has no effect: all arms have the steps of config, or those of equal cost");
  ArmConfig read{options.name, shared};
  nlohmann::json given = write_options(options);
  given.erase("name");
  for (const auto& [key, value] : given.items()) {
    if (value.is_null()) continue;
    if (key == "sampler") {
      read.config[key] = sampler_of(value, place);
    } else {
      replace_values(read.config, {{key, value}});
    }
  }
  if (!read.config.contains("sampler"))
    throw UsageError(place + " has no sampler, and config has none either; write e.g. \"sampler\": \"uniform\"");
  read.config["sampler"] = sampler_of(read.config["sampler"], place);
  if (read.name.empty()) read.name = read.config["sampler"]["name"];
  require_name(read.name, place);
  return read;
}

}  // namespace

nlohmann::json shared_config(const CompareConfig& compare) {
  nlohmann::json shared = compare.config;
  if (!shared.is_object()) throw UsageError("compare.config must be a JSON object, not " + printable(shared.dump()));
  if (shared.contains("seed"))
    throw UsageError("config.seed has no effect on a comparison: seeds says which there are");
  take_space_of_start(shared);
  if (shared.contains("space")) shared["space"] = space_name(shared["space"]);
  return shared;
}

std::vector<ArmConfig> read_arms(const CompareConfig& compare) {
  const nlohmann::json shared = shared_config(compare);
  if (!compare.arms.is_array() || compare.arms.empty())
    throw UsageError(
        "nothing to compare: name the samplers (--samplers uniform,cost_bins), or write arms into the file of "
        "--config");
  std::vector<ArmConfig> arms;
  std::set<std::string> names;
  for (std::size_t i = 0; i < compare.arms.size(); ++i) {
    arms.push_back(read_arm(compare.arms[i], shared, "arms[" + std::to_string(i) + "]"));
    if (!names.insert(arms.back().name).second)
      throw UsageError("two arms are named '" + arms.back().name + "'; give each a name of its own (arms[" +
                       std::to_string(i) + "].name)");
  }
  return arms;
}

std::vector<std::int64_t> read_seeds(const nlohmann::json& seeds) {
  const std::string allowed = "seeds must be how many (1 to " + std::to_string(kMostSeeds) +
                              ") or a list of whole numbers from 0 on, not " + printable(seeds.dump());
  std::vector<std::int64_t> read;
  if (seeds.is_number_integer()) {
    const auto count = seeds.get<std::int64_t>();
    if (count < 1 || count > kMostSeeds) throw UsageError(allowed);
    for (std::int64_t seed = 0; seed < count; ++seed) read.push_back(seed);
    return read;
  }
  if (!seeds.is_array() || seeds.empty() || std::ssize(seeds) > kMostSeeds) throw UsageError(allowed);
  std::set<std::int64_t> seen;
  for (const nlohmann::json& seed : seeds) {
    if (!seed.is_number_integer() || seed < 0 || seed > (std::int64_t{1} << 53)) throw UsageError(allowed);
    read.push_back(seed.get<std::int64_t>());
    if (!seen.insert(read.back()).second)
      throw UsageError("seed " + seed.dump() + " is there twice; a training done twice tells nothing new");
  }
  return read;
}

nlohmann::json filled_in(const CompareConfig& compare) {
  const nlohmann::json shared = shared_config(compare);
  TrainConfig training;
  read_options(shared, "config", training);
  nlohmann::json filled = write_options(compare);
  filled["config"] = write_options(training);
  filled["config"].erase("seed");
  // What follows from the data where nobody says it.
  for (const char* place : {"/input", "/classes", "/loader/batch_size", "/evaluation/calibration_images",
                            "/evaluation/calibration_batch"}) {
    const nlohmann::json::json_pointer pointer(place);
    if (!shared.contains(pointer)) filled["config"].at(pointer.parent_pointer()).erase(pointer.back());
  }
  filled["seeds"] = read_seeds(compare.seeds);
  const std::vector<ArmConfig> arms = read_arms(compare);
  for (std::size_t i = 0; i < arms.size(); ++i) {
    nlohmann::json& arm = filled["arms"][i];
    arm["name"] = arms[i].name;
    arm["sampler"] = arms[i].config["sampler"];
  }
  return filled;
}

}  // namespace frontier
