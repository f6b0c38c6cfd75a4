#include "jobs/torch/register.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "jobs/evaluate.h"
#include "jobs/torch/compare_config.h"
#include "jobs/torch/export.h"
#include "jobs/torch/predict.h"
#include "jobs/torch/prepare.h"
#include "jobs/torch/prune.h"
#include "search_spaces/registry.h"
#include "supernet/kernels/kernels.h"
#include "supernet/memory.h"

namespace frontier {
namespace {

/// The job "torch": versions, devices, threads.
nlohmann::ordered_json describe_torch(const nlohmann::json& settings, Observer&) {
  DeviceOptions options;
  read_options(settings, "torch", options);
  use_device(options);
  return {{"libtorch", TORCH_VERSION},
          {"cuda", at::hasCUDA()},
          {"threads", at::get_num_threads()},
          {"allocator", allocator()},
          {"kernels", kernels::table().name}};
}

/// What there is to set of a training.
std::vector<Setting> train_settings() {
  return with_named(with_named(list_options<TrainConfig>(""), "space", space_settings()), "sampler",
                    sampler_settings());
}

std::vector<Setting> evaluation_settings() { return list_options<SupernetAccuracyOptions>("evaluation"); }

}  // namespace

void register_torch(Registries& registries) {
  registries.jobs.add("data", data);
  registries.jobs.add("train", train);
  registries.jobs.add("compare", compare);
  registries.jobs.add("torch", describe_torch);
  registries.jobs.add("export", export_network);
  registries.jobs.add("check", check_network);
  registries.jobs.add("predict", predict);
  registries.jobs.add("prune", [&registries](const nlohmann::json& settings, Observer& observer) {
    return prune(settings, registries, observer);
  });
  registries.setting_lists.add("train", train_settings);
  registries.setting_lists.add("evaluate", [] { return evaluate_setting_list(train_settings()); });
  registries.setting_lists.add("prune", [] { return prune_setting_list(train_settings()); });
  registries.setting_lists.add("data", [] { return list_options<DataOptions>("data"); });
  registries.setting_lists.add("compare", [] { return list_options<CompareConfig>(""); });
  registries.setting_lists.add("export", evaluation_settings);
  EvaluatorJobs supernet = session_jobs(registries, open_session);
  supernet.settings = evaluation_settings();
  registries.evaluators.add("supernet", std::move(supernet));
  registries.evaluators.add("scratch", {evaluate_from_scratch});
}

}  // namespace frontier
