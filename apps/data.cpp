#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/errors.h"
#include "common/files.h"
#include "common/options.h"
#include "common/table.h"
#include "common/text.h"
#include "report/contact_sheet.h"

namespace frontier {
namespace {

struct DataCommandOptions : OutputOptions, DeviceOptions {
  std::string name;
  std::optional<std::string> path, html;
  std::vector<std::string> assignments;
};

nlohmann::json data_settings(const DataCommandOptions& options) {
  nlohmann::json config = {{"data", {{"name", options.name}}}};
  for (const auto& assignment : options.assignments) {
    if (!assignment.starts_with("data."))
      throw UsageError("--set '" + printable(assignment) +
                       "': only settings of the data have an effect here, e.g. "
                       "data.size=32");
    set_option(config, assignment);
  }
  if (options.path) config["data"]["path"] = *options.path;
  return config["data"];
}

std::string numbers_text(const nlohmann::ordered_json& values) {
  std::vector<std::string> texts;
  for (const auto& value : values) texts.push_back(readable("", value.get<double>()));
  return join(texts, " ");
}

/// "1999: 40x30 to 1024x768 (312 sizes), 24 grey, 2 turned by EXIF".
std::string pictures_text(const nlohmann::ordered_json& pictures) {
  std::string text = pictures["read"].dump() + ": " + pictures["smallest"].get<std::string>() + " to " +
                     pictures["largest"].get<std::string>() + " (" + pictures["sizes"].dump() +
                     (pictures["sizes"] == 1 ? " size)" : " sizes)");
  for (const auto& [key, words] :
       {std::pair("grey", " grey"), std::pair("transparent", " with transparency (over white)"),
        std::pair("turned", " turned by EXIF")})
    if (pictures[key] != 0) text += ", " + pictures[key].dump() + words;
  return text;
}

/// How pictures become what networks see, with the settings that decide it.
std::string input_text(const nlohmann::ordered_json& document) {
  std::string text = document["input"].get<std::string>();
  if (!document.contains("settings")) return text;
  const auto& settings = document["settings"];
  if (settings["size"] == 0) return text + ", as the pictures are";
  return text + ", cut from the middle of pictures whose short side is resized to " + settings["resize"].dump() +
         " pixels (data.size, data.resize, data.channels)";
}

std::string facts_text(const nlohmann::ordered_json& document) {
  Table table({{"data set"}, {printable(document["name"].get<std::string>())}});
  table.add({"form", document["form"].get<std::string>()});
  if (document.contains("pictures")) table.add({"pictures", pictures_text(document["pictures"])});
  table.add({"networks see", input_text(document)});
  table.add({"mean", numbers_text(document["mean"])});
  table.add({"deviation", numbers_text(document["stddev"])});
  if (document.contains("kept")) table.add({"decoded", document["kept"].get<std::string>()});
  return table.text();
}

std::string counts_text(const nlohmann::ordered_json& document) {
  Table table({{"class"}, {"train", Align::kRight}, {"search", Align::kRight}, {"test", Align::kRight}});
  for (const auto& item : document["results"])
    table.add({item["class"].get<std::string>(), item["train"].dump(), item["search"].dump(), item["test"].dump()});
  const auto& images = document["images"];
  table.add(
      {"all " + document["classes"].dump(), images["train"].dump(), images["search"].dump(), images["test"].dump()});
  return table.text();
}

void run_data(const DataCommandOptions& options) {
  Registries registries = program_registries(options);
  ProgressObserver observer(options.quiet);
  auto document = registries.run("data",
                                 {{"data", data_settings(options)},
                                  {"pictures", options.html.has_value()},
                                  {"threads", num_threads(options)},
                                  {"device", options.device}},
                                 observer);
  if (options.html) {
    write_file(*options.html, contact_sheet(document, FRONTIER_VERSION));
    document.erase("samples");
  }
  if (options.json) return print_json(document);
  print(facts_text(document) + "\n" + counts_text(document));
  if (options.quiet) return;
  for (const auto& line : document["notes"]) note("note: " + line.get<std::string>());
}

}  // namespace

void add_data_command(CLI::App& app) {
  auto options = std::make_shared<DataCommandOptions>();
  CLI::App* command = app.add_subcommand("data", "What a data set holds: counts a class, sizes, a contact sheet");
  add_output_options(*command, *options);
  add_device_options(*command, *options);
  command
      ->add_option("data", options->name,
                   "fashion_mnist, mnist, cifar10, synthetic, or the path of your own images: a folder with one folder "
                   "a class, or with train and test of such; a CSV of paths and labels; a folder with images.npy and "
                   "labels.npy, or with idx files")
      ->required()
      ->check(not_empty());
  command->add_option("--data-path", options->path, "Folder with the files of a data set with a name")
      ->check(not_empty());
  command->add_option("--html", options->html, "Write a page with samples of every class")->check(not_empty());
  command
      ->add_option("--set", options->assignments,
                   "One setting, e.g. data.size=32; may be repeated (frontier settings data lists all)")
      ->take_all();
  command->callback([options] { run_data(*options); });
}

}  // namespace frontier
