#pragma once

#include <cstdint>
#include <string>

#include "common/options.h"
#include "jobs/registries.h"

namespace frontier {

/// Settings of the job "export".
struct ExportSettings : DeviceOptions {
  std::string checkpoint;  ///< folder that train or evaluate wrote
  std::string arch;  ///< in the space's notation or as JSON; empty: the one network of the checkpoint, or the best
  std::int64_t max_macs = 0, max_params = 0;  ///< above 0: the best that was measured within these limits
  std::string format = "onnx";                ///< "onnx", "pytorch", "safetensors" or "dot"
  std::string out;                            ///< file; of pytorch NAME.py, with NAME.safetensors beside it
  std::string db;           ///< results database whose batch-norm statistics are taken where it has them; empty: none
  bool overwrite = false;   ///< files that are there
  bool preprocess = false;  ///< onnx, pytorch: the file's network takes pixels
  nlohmann::json config = nlohmann::json::object();  ///< "evaluation" alone: how batch norm is calibrated
};

template <class Fields>
void describe(Fields& f, ExportSettings& s) {
  f("checkpoint", s.checkpoint);
  f("arch", s.arch);
  f("max_macs", s.max_macs, 0, std::int64_t{1} << 53);
  f("max_params", s.max_params, 0, std::int64_t{1} << 53);
  f("format", s.format, {"onnx", "pytorch", "safetensors", "dot"});
  f("out", s.out);
  f("db", s.db);
  f("overwrite", s.overwrite);
  f("preprocess", s.preprocess);
  f("config", s.config);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// The job "export": one network of a checkpoint as a file of its own. The document is what `frontier export --json`
/// prints: space, arch, canonical, macs, params, format, `files` (path, bytes) and, where the format holds weights,
/// input, calibration, statistics ("stored": those that the network was measured with, or "calibrated" now) and
/// `reference` (images, difference, allowed).
nlohmann::ordered_json export_network(const nlohmann::json& settings, Observer& observer);

/// Settings of the job "check".
struct CheckSettings : DeviceOptions {
  std::string file;
};

template <class Fields>
void describe(Fields& f, CheckSettings& s) {
  f("file", s.file);
  describe(f, static_cast<DeviceOptions&>(s));
}

/// The job "check": runs an exported network on its reference input. The document: file, what the network says of
/// itself (ModelInfo), images, difference, allowed. @throws UsageError for a file that holds no network; Error if the
/// output is another one.
nlohmann::ordered_json check_network(const nlohmann::json& settings, Observer& observer);

}  // namespace frontier
