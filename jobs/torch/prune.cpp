#include "jobs/torch/prune.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <map>

#include "common/errors.h"
#include "common/files.h"
#include "common/text.h"
#include "jobs/part_observer.h"
#include "jobs/torch/prepare.h"
#include "search_spaces/budget.h"
#include "search_spaces/registry.h"
#include "search_spaces/space_options.h"
#include "supernet/samplers/tas.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using OrderedJson = nlohmann::ordered_json;
using namespace nlohmann::literals;  // NOLINT(google-build-using-namespace)

constexpr const char* kFormat = "frontier.prune.1";
constexpr const char *kUnpruned = "unpruned", *kSearch = "search", *kPruned = "pruned";
constexpr const char* kSplits[] = {"search", "test"};

/// The configuration by what its parts are for.
struct Parts {
  Json network;  ///< of the unpruned and the pruned network's training
  Json lessons;  ///< what is added for the pruned one
  Json sampler;  ///< settings of 'tas'
  Json search;   ///< what differs in the search
};

Json taken(Json& config, const char* key) {
  if (!config.contains(key)) return Json::object();
  Json part = config[key];
  if (!part.is_object()) throw UsageError("setting '" + std::string(key) + "' must be an object");
  config.erase(key);
  return part;
}

Parts parts_of(Json config) {
  Parts parts;
  Json teacher = taken(config, "teacher");
  for (const char* key : {"checkpoint", "arch", "weights"})
    if (teacher.contains(key) && teacher[key] != "")
      throw UsageError("teacher." + std::string(key) +
                       " has no effect on prune: the unpruned network teaches (--unpruned)");
  teacher.emplace("share", 0.9);
  teacher.emplace("temperature", 4);
  parts.lessons = {{"teacher", teacher}};
  if (const Json divergence = taken(config, "divergence"); !divergence.empty())
    parts.lessons["divergence"] = divergence;
  parts.sampler = taken(config, "sampler");
  if (const Json name = parts.sampler.value("name", Json("tas")); name != "tas")
    throw UsageError("prune searches with sampler 'tas', not " + printable(name.dump()));
  parts.sampler.erase("name");
  parts.search = taken(config, "search");
  for (const char* key : {"space", "sampler", "start", "teacher", "divergence"})
    if (parts.search.contains(key))
      throw UsageError("search." + std::string(key) + " has no effect: " +
                       (std::string(key) == "sampler" ? "the settings of 'tas' are sampler.*"
                                                      : "the search is of fresh weights of the same space"));
  if (const Json start = taken(config, "start"); start.contains("checkpoint") && start["checkpoint"] != "")
    throw UsageError("--from (start.checkpoint) has no effect on prune; --unpruned names the trained network");
  for (const char* key : {"arch_fraction", "final_random_subnets"})  // of the search alone
    if (config.contains(key)) {
      parts.search.emplace(key, config[key]);
      config.erase(key);
    }
  parts.network = std::move(config);
  return parts;
}

/// Sets the sampler's target from "0.5" or "20M".
void set_target(Json& sampler, const std::string& text) {
  if (text.empty()) return;
  const auto wrong = [&] {
    return UsageError("--target '" + printable(text) +
                      "': write a share of the unpruned network's multiply-accumulates, above 0 and at most 1, or a "
                      "number of them such as 20M");
  };
  for (const char* key : {"target", "target_macs"}) sampler.erase(key);
  if (text.find_first_not_of("0123456789.") == std::string::npos && std::count(text.begin(), text.end(), '.') <= 1 &&
      text != ".") {
    const double share = std::stod(text);
    if (share > 0 && share <= 1) {
      sampler["target"] = share;
      return;
    }
    if (text.find('.') != std::string::npos) throw wrong();
  }
  std::vector<std::int64_t> counts;
  try {
    counts = parse_limits(text, "--target");
  } catch (const UsageError&) {
    throw wrong();
  }
  if (counts.size() != 1 || counts.front() < 2) throw wrong();
  sampler["target_macs"] = counts.front();
}

/// The space with norms for every width, where it has them.
std::string search_space_of(const std::string& space, const TasSampler::Options& options) {
  SpaceRequest request = parse_space(space);
  if (options.widths != "interpolate" || request.options.contains("norms")) return space;
  for (const NamedOptions& known : space_settings()) {
    const bool has_norms = std::any_of(known.settings.begin(), known.settings.end(),
                                       [](const Setting& setting) { return setting.name.ends_with("norms"); });
    if (known.name != request.name || !has_norms) continue;
    Json with_norms = request.options;
    with_norms["name"] = request.name;
    with_norms["norms"] = "per_width";
    return space_name(with_norms);
  }
  return space;
}

/// A network that is pruned.
struct Unpruned {
  std::string arch;
  std::int64_t macs = 0;
};

class Pruning {
 public:
  Pruning(const PruneSettings& settings, Registries& registries, Observer& observer)
      : settings_(settings), registries_(registries), observer_(observer) {
    begin();
    parts_ = parts_of(state_["config"].get<Json>());
    set_target(parts_.sampler, state_["target"].get<std::string>());
    without_backtrace([&] { plan(); });
  }

  /// For --config.
  OrderedJson config() const {
    Json config = resolved_;
    config["sampler"] = write_options(options_);
    config["sampler"]["name"] = "tas";
    config["teacher"] = parts_.lessons["teacher"];
    if (parts_.lessons.contains("divergence")) config["divergence"] = parts_.lessons["divergence"];
    config["search"] = parts_.search;
    for (const char* key : {"start", "arch_fraction", "final_random_subnets", "held_out_fraction"}) config.erase(key);
    return config;
  }

  OrderedJson run() {
    if (existing_ == "overwrite") remove_stages();
    save();
    const OrderedJson before = stage(kUnpruned, [&](Observer& observer) {
      return given() ? measure_given(observer) : train_network(kUnpruned, unpruned_.arch, parts_.network, observer);
    });
    const OrderedJson search = stage(kSearch, [&](Observer& observer) {
      return job("train", {{"out", folder(kSearch)}, {"existing", existing_}, {"config", search_}}, observer);
    });
    const auto derived = search["derived"].get<std::string>();
    note_band(derived);
    const OrderedJson after = stage(kPruned, [&](Observer& observer) {
      Json config = parts_.network;
      config.update(parts_.lessons);
      config["teacher"]["checkpoint"] = given() ? state_["unpruned"].get<std::string>() : folder(kUnpruned);
      config["teacher"]["arch"] = unpruned_.arch;
      return train_network(kPruned, derived, config, observer);
    });
    return document(before, search, after);
  }

 private:
  bool given() const { return !state_["unpruned"].get<std::string>().empty(); }
  std::string folder(const char* stage) const { return (fs::path(settings_.out) / stage).string(); }
  std::string state_file() const { return (fs::path(settings_.out) / "prune.json").string(); }

  /// What this pruning is: a new one, or one that goes on.
  void begin() {
    state_ = {{"format", kFormat},
              {"config", settings_.config},
              {"target", settings_.target},
              {"unpruned", settings_.unpruned},
              {"stages", OrderedJson::object()}};
    existing_ = settings_.existing;
    if (settings_.print_config) return;
    if (settings_.out.empty()) throw UsageError("--out '': name a folder of its own, e.g. pruned");
    if (!fs::exists(state_file()) || existing_ == "overwrite") return;
    if (existing_ == "refuse")
      throw UsageError("'" + printable(settings_.out) +
                       "' holds a pruning already: --resume goes on with it, --overwrite starts anew");
    const std::string text = read_file(state_file());
    parse_json(text, state_file());  // which says where it is wrong
    OrderedJson began = OrderedJson::parse(text);
    require_state(began);
    require_same(began);
    state_ = std::move(began);
  }

  void require_state(const OrderedJson& state) const {
    const auto is = [&](const char* key, auto type) { return state.contains(key) && (state[key].*type)(); };
    if (!state.is_object() || state.value("format", "") != kFormat || !is("config", &OrderedJson::is_object) ||
        !is("target", &OrderedJson::is_string) || !is("unpruned", &OrderedJson::is_string) ||
        !is("stages", &OrderedJson::is_object))
      throw UsageError("'" + printable(state_file()) + "' is not what prune writes there; start anew with --overwrite");
  }

  /// What is said again must be what the pruning began with.
  void require_same(const OrderedJson& began) const {
    const auto check = [&](const std::string& what, const Json& first, const Json& now) {
      if (first == now) return;
      throw UsageError("the pruning in '" + printable(settings_.out) + "' began with " + what + " = " +
                       printable(first.dump()) + ", not " + printable(now.dump()) +
                       "; --resume goes on with its settings: leave this out, or start anew with --overwrite");
    };
    const Json config = began["config"];
    for (const auto& [key, value] : settings_.config.items()) check(key, config.value(key, Json()), value);
    if (!settings_.target.empty()) check("target", began["target"], settings_.target);
    if (!settings_.unpruned.empty()) check("unpruned", began["unpruned"], settings_.unpruned);
  }

  void save() const {
    fs::create_directories(settings_.out);
    write_file(state_file(), state_.dump(2) + "\n");
  }

  /// Of the pruning that is replaced; not the network that this one begins with.
  void remove_stages() {
    std::error_code ignored;
    for (const char* stage : {kUnpruned, kSearch, kPruned})
      if (has_checkpoint(folder(stage)) &&
          !(given() && fs::equivalent(folder(stage), state_["unpruned"].get<std::string>(), ignored)))
        fs::remove_all(folder(stage));
  }

  /// Everything that can be wrong is refused before the first training.
  void plan() {
    std::optional<Architecture> of_checkpoint;
    if (given()) take_space_and_network(of_checkpoint);
    if (!parts_.network.contains("space"))
      throw UsageError("prune needs --space, e.g. --space resnet_shape_20, or --unpruned, a trained network");
    parts_.network["space"] = space_name(parts_.network["space"]);
    const Prepared prepared = prepare(parts_.network);
    resolved_ = write_options(prepared.config);
    read_options(parts_.sampler, "sampler", options_);
    const auto searched = make_space(search_space_of(prepared.space->name(), options_));
    const Priced largest = unpruned(*searched, prepared.input);
    const Architecture whole = of_checkpoint.value_or(largest.arch);
    unpruned_ = {prepared.space->to_string(whole), prepared.space->cost_table(prepared.input).macs(whole)};
    if (options_.target_macs == 0)
      options_.target_macs = std::llround(options_.target * static_cast<double>(unpruned_.macs));
    band_ = TasSampler(searched, prepared.input, options_, Rng(0)).band();
    search_ = parts_.network;
    search_["space"] = searched->name();
    search_["sampler"] = write_options(options_);
    search_["sampler"]["name"] = "tas";
    search_["arch_fraction"] = 0.5;
    search_["final_random_subnets"] = 0;
    search_.merge_patch(parts_.search);
    if (parts_.search.contains("/trainer/steps"_json_pointer) && !parts_.search.contains("epochs"))
      search_["epochs"] = 0;
    prepare(search_);
    TeacherOptions teacher;
    read_options(parts_.lessons["teacher"], "teacher", teacher);
    DivergenceOptions divergence;
    read_options(parts_.lessons.value("divergence", Json::object()), "divergence", divergence);
    space_ = prepared.space;
    input_ = prepared.input;
  }

  void take_space_and_network(std::optional<Architecture>& network) {
    const auto folder = state_["unpruned"].get<std::string>();
    const Prepared trained = prepare_weights(load_checkpoint(folder, false).run);
    Json& space = parts_.network["space"];
    if (!space.is_null() && space_name(space) != trained.space->name())
      throw UsageError("the network in '" + printable(folder) + "' is of space '" + trained.space->name() + "', not '" +
                       printable(space_name(space)) + "'");
    space = trained.space->name();
    network = only_subnet(trained);
  }

  /// Does what is not done yet.
  OrderedJson stage(const char* name, const std::function<OrderedJson(Observer&)>& work) {
    OrderedJson& stages = state_["stages"];
    if (stages.contains(name)) {
      observer_.note(std::string(name) + ": done before");
      return stages[name];
    }
    const std::string prefix = std::string(name) + ": ";
    PartObserver observer(observer_, prefix, prefix);
    OrderedJson found = work(observer);
    stages[name] = found;
    save();
    return found;
  }

  OrderedJson job(const char* name, Json settings, Observer& observer) {
    settings.update({{"db", settings_.db}, {"threads", settings_.threads}, {"device", settings_.device}});
    return registries_.run(name, settings, observer);
  }

  OrderedJson train_network(const char* stage, const std::string& arch, const Json& config, Observer& observer) {
    return job("evaluate",
               {{"evaluator", "scratch"},
                {"archs", {arch}},
                {"config", config},
                {"out", folder(stage)},
                {"existing", existing_}},
               observer);
  }

  OrderedJson measure_given(Observer& observer) {
    OrderedJson both;
    for (const char* split : kSplits) {
      const OrderedJson one = job("evaluate",
                                  {{"evaluator", "supernet"},
                                   {"checkpoint", state_["unpruned"].get<std::string>()},
                                   {"archs", {unpruned_.arch}},
                                   {"split", split}},
                                  observer);
      if (both.is_null()) {
        both = one;
      } else {
        both["results"].push_back(one["results"][0]);
      }
    }
    return both;
  }

  std::int64_t macs_of(const std::string& arch) const { return space_->cost_table(input_).macs(space_->parse(arch)); }

  void note_band(const std::string& derived) {
    const std::int64_t macs = macs_of(derived);
    if (band_.allows(macs)) return;
    observer_.note("the search ended with " + std::to_string(macs) + " multiply-accumulates, outside of " +
                   std::to_string(*band_.at_least) + " to " + std::to_string(*band_.at_most) +
                   ": search longer (--set search.epochs=...), or with a larger sampler.lr or sampler.cost_weight");
  }

  OrderedJson document(const OrderedJson& before, const OrderedJson& search, const OrderedJson& after) const {
    OrderedJson found = {{"results", OrderedJson::array()}};
    std::map<std::string, double> top1;
    for (const auto& [name, stage] : {std::pair(kUnpruned, &before), std::pair(kPruned, &after)})
      for (const OrderedJson& item : (*stage)["results"]) {
        OrderedJson named = {{"network", name}};
        named.update(item);
        found["results"].push_back(named);
        const double sign = name == std::string_view(kPruned) ? 1 : -1;
        top1[item["split"].get<std::string>()] += sign * item["metrics"]["top1"].get<double>();
      }
    const auto derived = search["derived"].get<std::string>();
    found["derived"] = derived;
    found["target_macs"] = options_.target_macs;
    found["band"] = {*band_.at_least, *band_.at_most};
    found["in_band"] = band_.allows(macs_of(derived));
    found["macs_kept"] = static_cast<double>(macs_of(derived)) / static_cast<double>(unpruned_.macs);
    found["top1_change"] = top1;
    found["checkpoint"] = folder(kPruned);
    found["runs"] = {{kUnpruned, before["run"]}, {kSearch, search["run"]}, {kPruned, after["run"]}};
    return found;
  }

  const PruneSettings& settings_;
  Registries& registries_;
  Observer& observer_;
  OrderedJson state_;  ///< prune.json
  std::string existing_;
  Parts parts_;
  Json resolved_;  ///< of the networks' trainings
  Json search_;    ///< configuration of the search
  TasSampler::Options options_;
  Limit band_;
  Unpruned unpruned_;
  std::shared_ptr<const SearchSpace> space_;
  InputShape input_;
};

}  // namespace

OrderedJson prune(const Json& json, Registries& registries, Observer& observer) {
  PruneSettings settings;
  read_options(json, "prune", settings);
  use_device(settings);
  Pruning pruning(settings, registries, observer);
  return settings.print_config ? pruning.config() : pruning.run();
}

std::vector<Setting> prune_setting_list(std::vector<Setting> training) {
  std::erase_if(training, [](const Setting& setting) {
    const bool of_others = setting.only_with == "sampler.name" &&
                           std::find(setting.values.begin(), setting.values.end(), "tas") == setting.values.end();
    return of_others || setting.name == "sampler.name" || setting.name.starts_with("start.") ||
           setting.name == "teacher.checkpoint" || setting.name == "teacher.arch" || setting.name == "teacher.weights";
  });
  for (Setting& setting : training) {
    if (setting.only_with == "sampler.name") setting.only_with.clear();
    if (setting.name == "teacher.share") setting.default_value = 0.9;
    if (setting.name == "teacher.temperature") setting.default_value = 4.0;
    if (setting.name == "arch_fraction") setting.default_value = 0.5;
  }
  training.push_back({.name = "search",
                      .kind = "JSON",
                      .default_value = Json::object(),
                      .meaning = "What differs in the search from the trainings of the networks: search.epochs, "
                                 "search.trainer.lr, ..."});
  return training;
}

}  // namespace frontier
