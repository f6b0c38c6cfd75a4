#include "jobs/torch/register.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <torch/version.h>

#include "jobs/torch/export.h"
#include "jobs/torch/predict.h"
#include "jobs/torch/prepare.h"
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

}  // namespace

void register_torch(Registries& registries) {
  registries.jobs.add("data", data);
  registries.jobs.add("train", train);
  registries.jobs.add("torch", describe_torch);
  registries.jobs.add("export", export_network);
  registries.jobs.add("check", check_network);
  registries.jobs.add("predict", predict);
  registries.evaluators.add("supernet", session_jobs(registries, open_session));
  registries.evaluators.add("scratch", {evaluate_from_scratch});
}

}  // namespace frontier
