#include <memory>

#include "apps/command.h"
#include "apps/job_options.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "common/table.h"
#include "common/text.h"

namespace frontier {
namespace {

struct PredictOptions : OutputOptions, DeviceOptions {
  std::string model, broken = "refuse";
  std::vector<std::string> images;
  std::int64_t top = 1;
};

std::string text_of(const nlohmann::ordered_json& document) {
  Table table({{"image"}, {"class"}, {"probability", Align::kRight}});
  for (const auto& item : document["results"]) {
    std::string image = item["image"].get<std::string>();
    for (const auto& found : item["classes"]) {
      table.add({image, found["class"].get<std::string>(), readable("top1", found["probability"].get<double>())});
      image.clear();  // once a picture
    }
  }
  return table.text();
}

void run_predict(const PredictOptions& options) {
  Registries registries = program_registries(options);
  ProgressObserver observer(options.quiet);
  const auto document = registries.run("predict",
                                       {{"model", options.model},
                                        {"images", options.images},
                                        {"top", options.top},
                                        {"broken", options.broken},
                                        {"threads", num_threads(options)},
                                        {"device", options.device}},
                                       observer);
  if (options.json) return print_json(document);
  print(text_of(document));
  for (const auto& item : document["broken"])
    note(printable(item["image"].get<std::string>(), 200) + ": " + item["reason"].get<std::string>());
}

}  // namespace

void add_predict_command(CLI::App& app) {
  auto options = std::make_shared<PredictOptions>();
  CLI::App* command = app.add_subcommand("predict", "Tell with an exported network what pictures show");
  add_output_options(*command, *options);
  add_device_options(*command, *options);
  command->add_option("--model", options->model, "What export wrote (.onnx, .safetensors)")->required();
  command->add_option("--top", options->top, "So many classes a picture, the likeliest first")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  command->add_option("--broken", options->broken, "A picture that cannot be read: refuse, or skip")
      ->capture_default_str();
  command->add_option("images", options->images, "JPEG or PNG files")->required();
  command->callback([options] { run_predict(*options); });
}

}  // namespace frontier
