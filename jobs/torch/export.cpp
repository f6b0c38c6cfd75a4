#include "jobs/torch/export.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <filesystem>

#include "common/files.h"
#include "common/text.h"
#include "db/store.h"
#include "exports/onnx.h"
#include "exports/pytorch.h"
#include "jobs/run_recorder.h"
#include "jobs/torch/register.h"
#include "jobs/torch/trained.h"
#include "search_spaces/graph_json.h"
#include "supernet/safetensors.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kReferenceImages = 2;
constexpr const char* kPython = ".py";

struct File {
  std::string path;
  std::string content;
};

bool has_budget(const ExportSettings& settings) { return settings.max_macs > 0 || settings.max_params > 0; }

ExportSettings read_settings(const nlohmann::json& json) {
  ExportSettings settings;
  read_options(json, "export", settings);
  if (settings.checkpoint.empty())
    throw UsageError("export needs --checkpoint, the folder that train or evaluate wrote");
  if (has_budget(settings) && !settings.arch.empty())
    throw UsageError("give --arch, or --max-macs and --max-params for the best network measured, not both");
  if (settings.out.empty()) throw UsageError("export needs --out, the file to write");
  const bool takes_pixels = settings.format == "onnx" || settings.format == "pytorch";
  if (settings.preprocess && !takes_pixels)
    throw UsageError("--preprocess has no effect on --format " + settings.format +
                     ", which holds no program; onnx and pytorch do");
  if (settings.format == "pytorch" && !settings.out.ends_with(kPython))
    throw UsageError("--out '" + printable(settings.out) +
                     "': a PyTorch program is named NAME.py; its weights go into " + "NAME.safetensors beside it");
  if (!settings.config.is_object())
    throw UsageError("export.config must be a JSON object, not " + printable(settings.config.dump()));
  for (const auto& [key, value] : settings.config.items())
    if (key != "evaluation")
      throw UsageError("setting '" + printable(key) + "' has no effect on export; only evaluation.* does");
  return settings;
}

/// The file that a program's weights go into.
std::string weights_path(const std::string& program) { return fs::path(program).replace_extension(".safetensors"); }

std::vector<std::string> paths_of(const ExportSettings& settings) {
  if (settings.format == "pytorch") return {weights_path(settings.out), settings.out};
  return {settings.out};
}

/// Before the work: what stands in the way is said at once.
void check_paths(const ExportSettings& settings) {
  for (const std::string& path : paths_of(settings)) {
    std::error_code error;
    if (fs::is_directory(path, error)) throw UsageError("--out: '" + printable(path) + "' is a folder; name a file");
    if (fs::is_regular_file(path, error) && !settings.overwrite)
      throw UsageError("'" + printable(path) + "' is there already; --overwrite replaces it, or choose another --out");
  }
}

/// The most accurate of the networks that were measured with these weights on the search split, within the limits.
Architecture best_measured(const Trained& trained, const ExportSettings& settings, Observer& observer) {
  const UsageError none(
      "no network of these weights that was measured on the search split keeps to the limits; "
      "frontier search measures some");
  if (settings.db.empty()) throw none;
  Filter filter{.space = trained.prepared.space->name(),
                .evaluator = "supernet",
                .checkpoint = trained.fingerprint,
                .split = "search",
                .calibration = trained.calibration()};
  const auto limit = [&](const char* field, std::int64_t most) {
    if (most > 0) filter.where.push_back({field, Comparison::kLessOrEqual, static_cast<double>(most)});
  };
  limit("macs", settings.max_macs);
  limit("params", settings.max_params);
  const Objective objectives[] = {{"top1", Direction::kMax}};
  const Store store(settings.db, Store::Mode::kReadOnly);
  Front front;
  try {
    front = store.pareto(objectives, filter);
  } catch (const MixedProtocols&) {
    throw UsageError(
        "networks of these weights were measured on several numbers of images, which cannot be compared: choose one by "
        "frontier pareto, and name it with --arch");
  } catch (const UsageError&) {  // a name that the database does not hold
    throw none;
  }
  if (front.results.empty()) throw none;
  const Result& best =
      *std::min_element(front.results.begin(), front.results.end(),
                        [](const Result& a, const Result& b) { return a.architecture.macs < b.architecture.macs; });
  observer.note("the best of " + std::to_string(front.num_considered) + " networks measured: top1 " +
                exact(best.metrics.at("top1")) + " on the search split");
  return trained.prepared.space->parse(best.architecture.arch);
}

Architecture chosen(const Trained& trained, const ExportSettings& settings, Observer& observer) {
  const SearchSpace& space = *trained.prepared.space;
  const std::string& text = settings.arch;
  if (trained.only && has_budget(settings))
    throw UsageError("the checkpoint holds the weights of " + space.to_string(*trained.only) +
                     " alone: there is nothing to choose; leave --max-macs and --max-params out");
  if (has_budget(settings)) return best_measured(trained, settings, observer);
  if (text.empty() && !trained.only)
    throw UsageError("the checkpoint is of a supernet of '" + space.name() +
                     "': say which of its networks with --arch, or take the best that frontier search measured with "
                     "--max-macs");
  if (text.empty()) return *trained.only;
  const Architecture arch = space.parse(text);
  if (trained.only && arch != *trained.only)
    throw UsageError("the checkpoint holds the weights of " + space.to_string(*trained.only) + " alone, not of " +
                     space.to_string(arch) + "; leave --arch out");
  return arch;
}

ModelInfo info_of(const Trained& trained, const Architecture& arch, const NetworkGraph& graph, bool preprocess) {
  const Prepared& p = trained.prepared;
  const Cost price = cost(graph);
  const std::string key = p.space->to_string(arch);
  return {.program = "frontier " + version(),
          .space = p.space->name(),
          .arch = key,
          .canonical = key,
          .built_for = to_string(p.input),
          .macs = price.macs,
          .params = price.params,
          .checkpoint = trained.fingerprint,
          .calibration = trained.calibration(),
          .dataset = p.data.train.name,
          .mean = p.data.train.mean,
          .stddev = p.data.train.stddev,
          .classes = p.data.train.class_names,
          .resize = p.config.data.picture.resize,
          .input = preprocess ? kBytes : kNormalised};
}

/// What the network was measured with, where the results database has it.
std::optional<std::string> stored_statistics(const std::string& db, const ModelInfo& info) {
  if (db.empty()) return std::nullopt;
  return Store(db, Store::Mode::kReadOnly)
      .statistics(info.space, info.built_for, info.canonical, info.checkpoint, info.calibration);
}

Network network_of(const Trained& trained, const Architecture& arch, const std::optional<std::string>& statistics) {
  const Prepared& p = trained.prepared;
  if (!statistics) return extract_network(trained.supernet, arch, p.data.train, p.config.evaluation);
  NetworkGraph graph = finished(trained.supernet.build(arch)).graph;  // what was never run was never calibrated
  WeightBank weights = trained.supernet.bank.extract(graph);
  auto by_vertex = statistics_of(graph, from_safetensors(*statistics, "the results database's batch-norm statistics"));
  return {std::move(graph), std::move(weights), std::move(by_vertex)};
}

/// The first images as networks see them: [count, C, H, W] uint8, wherever the data set keeps them.
at::Tensor first_images(const Dataset& dataset, std::int64_t count) {
  at::Tensor images = at::empty({count, dataset.channels(), dataset.height(), dataset.width()}, at::kByte);
  auto* out = images.mutable_data_ptr<std::uint8_t>();
  for (std::int64_t i = 0; i < count; ++i) out = std::ranges::copy(dataset.image(i).pixels, out).out;
  return images;
}

Model model_of(const Trained& trained, const Architecture& arch, const ModelInfo& info,
               const std::optional<std::string>& statistics) {
  const Prepared& p = trained.prepared;
  const Network network = network_of(trained, arch, statistics);
  return make_model(network, info, first_images(p.data.search, std::min(kReferenceImages, p.data.search.size())));
}

std::vector<File> written(const Model& model, const ExportSettings& settings) {
  if (settings.format == "onnx") return {{settings.out, to_onnx(model)}};
  if (settings.format == "safetensors") return {{settings.out, to_safetensors(model)}};
  PytorchFiles files = to_pytorch(model);
  return {{weights_path(settings.out), std::move(files.weights)}, {settings.out, std::move(files.code)}};
}

nlohmann::ordered_json json_of(const Reproduction& reproduced, const Model& model) {
  return {{"images", model.reference_input.size(0)},
          {"difference", reproduced.difference},
          {"allowed", reproduced.allowed}};
}

/// Reads back what is to be written and runs it. @throws Error if it is not the same network.
nlohmann::ordered_json proven(const std::vector<File>& files) {
  const Model again = model_from_bytes(files.front().content, files.front().path);
  const Reproduction reproduced = reproduce(again);
  if (!reproduced.fits())
    throw Error("what was to be written to " + files.front().path + " differs from the network by " +
                exact(reproduced.difference));
  return json_of(reproduced, again);
}

nlohmann::ordered_json exported(const ExportSettings& settings, Observer& observer) {
  check_paths(settings);
  const at::Device device = use_device(settings);
  const Trained trained(load_checkpoint(settings.checkpoint, true),
                        settings.config.value("evaluation", nlohmann::json()), device);
  const Architecture arch = chosen(trained, settings, observer);
  const NetworkGraph graph = finished(trained.supernet.build(arch)).graph;
  const ModelInfo info = info_of(trained, arch, graph, settings.preprocess);
  nlohmann::ordered_json document = {{"space", info.space},
                                     {"arch", info.arch},
                                     {"canonical", info.canonical},
                                     {"macs", info.macs},
                                     {"params", info.params},
                                     {"format", settings.format},
                                     {"files", nlohmann::ordered_json::array()}};
  std::vector<File> files;
  if (settings.format == "dot") {
    files = {{settings.out, to_dot(graph, info.space + ": " + info.arch)}};
  } else {
    const auto statistics = stored_statistics(settings.db, info);
    observer.note(statistics ? "batch-norm statistics are those that the network was measured with"
                             : "no batch-norm statistics of this network are stored: " + info.calibration);
    files = written(model_of(trained, arch, info, statistics), settings);
    document["input"] = info.input;
    document["calibration"] = info.calibration;
    document["statistics"] = statistics ? "stored" : "calibrated";
    document["reference"] = proven(files);
  }
  for (const File& file : files) {
    write_file(file.path, file.content);
    document["files"].push_back({{"path", file.path}, {"bytes", file.content.size()}});
  }
  return document;
}

}  // namespace

nlohmann::ordered_json export_network(const nlohmann::json& json, Observer& observer) {
  const ExportSettings settings = read_settings(json);
  return without_backtrace([&] { return exported(settings, observer); });
}

nlohmann::ordered_json check_network(const nlohmann::json& json, Observer&) {
  CheckSettings settings;
  read_options(json, "check", settings);
  if (settings.file.empty()) throw UsageError("check needs a file that frontier export wrote");
  const at::Device device = use_device(settings);
  return without_backtrace([&] {
    Model model = read_model(settings.file);
    model.network = std::move(model.network).to(device);
    const Reproduction reproduced = reproduce(model);
    if (!reproduced.fits())
      throw Error(printable(settings.file, 200) + " does not give its reference output again: it differs by " +
                  exact(reproduced.difference) + ", allowed: " + exact(reproduced.allowed) +
                  "; the file is damaged or was changed");
    nlohmann::ordered_json document = {{"file", settings.file}};
    document.update(write_options(model.info));
    document["reference"] = json_of(reproduced, model);
    return document;
  });
}

}  // namespace frontier
