// Work that does not fit into memory is refused before it begins.
#include <gtest/gtest.h>
#include <torch/types.h>

#include "jobs/torch/memory_need.h"
#include "search_spaces/cost.h"
#include "support/messages.h"
#include "support/training_setting.h"

namespace frontier {
namespace {

using testing_support::Setting;

TEST(MemoryNeed, IsThatOfTheLargestNetwork) {
  const Setting s;
  const auto space = make_space("mobile_cnn");
  const auto priced = [&](const std::string& arch) {
    return cost(space->build(space->parse(arch), space->default_input()));
  };
  const MemoryNeed supernet = memory_need(prepare(s.config({{"name", "uniform"}})));
  // Convolution, batch norm, activation: what the second gives the third is not kept.
  EXPECT_LT(supernet.training, 0.75 * static_cast<double>(priced(s.dearest).activation_bytes));
  EXPECT_GT(supernet.training, 0.6 * static_cast<double>(priced(s.dearest).activation_bytes));
  EXPECT_EQ(supernet.evaluation, priced(s.dearest).peak_bytes);
  EXPECT_EQ(memory_need(prepare(s.fixed(s.cheapest))).evaluation, priced(s.cheapest).peak_bytes);
  // A soft network holds every branch at once.
  nlohmann::json soft = s.config({{"name", "darts"}});
  soft["space"] = "nas_bench_201";
  soft["arch_fraction"] = 0.5;
  nlohmann::json hard = soft;
  hard["sampler"] = {{"name", "uniform"}};
  hard.erase("arch_fraction");
  EXPECT_GT(memory_need(prepare(soft)).training, 2 * memory_need(prepare(hard)).training);
}

TEST(MemoryNeed, BeyondWhatIsFreeIsRefusedWithWhatWouldFit) {
  const Setting s;
  nlohmann::json c = s.fixed(s.cheapest);
  c["loader"]["batch_size"] = 100;
  const Prepared p = prepare(c);
  const MemoryNeed need = memory_need(p);
  require_memory_to_train(p, static_cast<std::uint64_t>(100 * need.training));
  EXPECT_THROWS_WITH(require_memory_to_train(p, static_cast<std::uint64_t>(99 * need.training)), UsageError,
                     "loader.batch_size (--batch-size) = 100 takes about ");
  EXPECT_THROWS_WITH(require_memory_to_train(p, static_cast<std::uint64_t>(99 * need.training)), UsageError,
                     "at most 99 would fit");
  c["loader"]["batch_size"] = 2;
  c["evaluation"] = {{"calibration_images", 160}, {"calibration_batch", 160}};
  EXPECT_THROWS_WITH(require_memory_to_train(prepare(c), static_cast<std::uint64_t>(159 * need.evaluation)), UsageError,
                     "evaluation.calibration_batch = 160 takes");
}

TEST(Errors, OfAllocatorsSayWhatToLower) {
  EXPECT_THROWS_WITH(without_backtrace([] { return at::empty({std::int64_t{1} << 50}); }), Error,
                     "out of memory: smaller batches (loader.batch_size");
}

}  // namespace
}  // namespace frontier
