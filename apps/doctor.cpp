#include <sqlite3.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "common/errors.h"

namespace frontier {
namespace {

struct DoctorOptions : OutputOptions, DeviceOptions {};

void run_doctor(const DoctorOptions& options) {
  nlohmann::ordered_json document;
  document["frontier"] = FRONTIER_VERSION;
  utsname system{};
  if (::uname(&system) == 0)
    document["system"] = std::string(system.sysname) + " " + system.release + " " + system.machine;
  document["cores"] = ::sysconf(_SC_NPROCESSORS_ONLN);
  document["threads_by"] = options.threads > 0 ? "--threads" : usable_cores().reason;
  document["sqlite"] = ::sqlite3_libversion();
  nlohmann::ordered_json missing = nlohmann::ordered_json::array();
  try {
    Registries registries = program_registries(options);
    Observer observer;
    const nlohmann::json description =
        registries.run("torch", {{"threads", num_threads(options)}, {"device", options.device}}, observer);
    for (const auto& [key, value] : description.items()) document[key] = value;
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    missing.push_back(error.what());
  }
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    missing.push_back("Fashion-MNIST (Debian package dataset-fashion-mnist); give another folder with --data-path");
  document["missing"] = missing;
  if (options.json) return print_json(document);
  std::string text;
  for (const auto& [key, value] : document.items()) {
    if (key == "missing") continue;
    text += key + std::string(key.size() < 10 ? 10 - key.size() : 1, ' ') +
            (value.is_string() ? value.get<std::string>() : value.dump()) + "\n";
  }
  for (const auto& item : missing) text += "missing   " + item.get<std::string>() + "\n";
  print(text + (missing.empty() ? "Everything is there.\n" : ""));
}

}  // namespace

void add_doctor_command(CLI::App& app) {
  auto options = std::make_shared<DoctorOptions>();
  CLI::App* command = app.add_subcommand("doctor", "Versions, devices, threads, and what is missing");
  add_output_options(*command, *options);
  add_device_options(*command, *options);
  command->callback([options] { run_doctor(*options); });
}

}  // namespace frontier
