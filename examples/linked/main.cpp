// Trains a supernet with checkpoints and resume, searches it into a results database, and measures what was found.
#include <cstdio>

#include "jobs/torch/register.h"

int main(int argc, char** argv) {
  const std::string folder = argc > 1 ? argv[1] : ".", db = folder + "/frontier.db", checkpoint = folder + "/supernet";
  frontier::Registries registries;
  frontier::register_torch(registries);
  frontier::Observer observer;  // silent; derive from it to show progress or to stop
  try {
    const nlohmann::json config = {
        {"space", "mobile_cnn"},
        {"data", {{"name", "synthetic"}, {"search_size", 100}, {"synthetic", {{"train_size", 400}}}}},
        {"loader", {{"batch_size", 16}}},
        {"trainer", {{"steps", 12}}},
        {"evaluation", {{"calibration_images", 64}, {"calibration_batch", 32}}},
        {"checkpoint_steps", 5},
        {"final_random_subnets", 2}};
    const auto trained = registries.run(
        "train", {{"db", db}, {"out", checkpoint}, {"existing", "resume"}, {"config", config}}, observer);
    const auto found = registries.run("search",
                                      {{"db", db},
                                       {"checkpoint", checkpoint},
                                       {"budget", 8},
                                       {"generation", 4},
                                       {"max_macs", {1'000'000}},
                                       {"resume", true}},
                                      observer);
    const std::string best = found["results"][0]["best"]["arch"];
    const auto measured = registries.run(
        "evaluate", {{"db", db}, {"checkpoint", checkpoint}, {"split", "test"}, {"archs", {best}}}, observer);
    std::printf("%ld steps; best %s: %.3f on the test split\n", trained["steps"].get<long>(), best.c_str(),
                measured["results"][0]["metrics"]["top1"].get<double>());
  } catch (const frontier::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
