#include "search_spaces/nas_bench_201.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/errors.h"
#include "common/text.h"
#include "search_spaces/budget.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;

using Row = std::map<std::string, std::string>;

/// The rows of the published table, empty where it is not at hand.
std::vector<Row> table() {
  std::vector<Row> rows;
  const auto path = shared_data("nb201/nb201.csv.gz");
  if (!path) return rows;
  const auto cells = read_csv_gz(*path);
  for (std::size_t r = 1; r < cells.size(); ++r) {
    Row row;
    for (std::size_t c = 0; c < cells[r].size(); ++c) row[cells[0][c]] = cells[r][c];
    rows.push_back(std::move(row));
  }
  return rows;
}

/// What the benchmark's FLOPs count besides convolutions and the classifier (its norms and pools), in the whole
/// network.
std::int64_t extra_terms(const Architecture& arch, bool small) {
  std::int64_t convs = 0, pools = 0;
  for (const auto choice : arch.choices) {
    if (choice == 2 || choice == 3) ++convs;
    if (choice == 4) ++pools;
  }
  return small ? convs * 107520 + pools * 322560 + 40512 : convs * 430080 + pools * 1290240 + 160832;
}

TEST(NasBench201, ParametersAndMacsEqualTheWholeTable) {
  const auto rows = table();
  if (rows.empty()) GTEST_SKIP() << "shared/data/nb201 is not there";
  ASSERT_EQ(rows.size(), 15625U);
  const SearchSpace space = nas_bench_201();
  const struct {
    InputShape input;
    std::string prefix;
    bool small;
  } kBuilds[] = {{{3, 32, 32, 10}, "c10", false}, {{3, 16, 16, 120}, "in16", true}};
  for (const auto& build : kBuilds) {
    const CostTable costs = space.cost_table(build.input);
    for (const auto& row : rows) {
      const Architecture arch = space.parse_as_written(row.at("arch"));
      ASSERT_EQ(costs.params(arch), std::stoll(row.at(build.prefix + "_params"))) << row.at("arch");
      ASSERT_EQ(costs.macs(arch) + extra_terms(arch, build.small), std::stoll(row.at(build.prefix + "_flops")))
          << row.at("arch");
    }
  }
}

TEST(NasBench201, CanonicalFormsAreTheTablesIsomorphismClasses) {
  const auto rows = table();
  if (rows.empty()) GTEST_SKIP() << "shared/data/nb201 is not there";
  const SearchSpace space = nas_bench_201();
  std::map<std::string, std::string> form_of, class_of;
  for (const auto& row : rows) {
    const std::string form = space.to_string(space.parse(row.at("arch")));
    ASSERT_EQ(form_of.try_emplace(row.at("iso_class"), form).first->second, form) << row.at("arch");
    ASSERT_EQ(class_of.try_emplace(form, row.at("iso_class")).first->second, row.at("iso_class")) << row.at("arch");
  }
  EXPECT_EQ(form_of.size(), 6466U);
  EXPECT_EQ(class_of.size(), 6466U);
}

TEST(NasBench201, CanonicalFormIsIdempotentAndNeverDearer) {
  const SearchSpace space = nas_bench_201();
  const CostTable costs = space.cost_table(space.default_input());
  std::set<Architecture> forms;
  Architecture arch{{0, 0, 0, 0, 0, 0}};
  for (int n = 0; n < 15625; ++n) {
    for (int edge = 5, rest = n; edge >= 0; --edge, rest /= 5)
      arch.choices[static_cast<std::size_t>(edge)] = static_cast<std::uint16_t>(rest % 5);
    const Architecture form = space.canonical(arch);
    ASSERT_EQ(space.canonical(form), form);
    ASSERT_EQ(nas_bench_201_identity(form), nas_bench_201_identity(arch));
    ASSERT_LE(costs.macs(form), costs.macs(arch));
    ASSERT_LE(costs.params(form), costs.params(arch));
    forms.insert(form);
  }
  EXPECT_EQ(forms.size(), 6466U);
}

TEST(NasBench201, EqualFunctionsWrittenDifferentlyHaveOneForm) {
  const SearchSpace space = nas_bench_201();
  const auto same = [&](const char* a, const char* b) { return space.parse(a) == space.parse(b); };
  // A convolution whose output nothing reads.
  EXPECT_TRUE(same("|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|",
                   "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"));
  // A convolution before or behind a skip.
  EXPECT_TRUE(same("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
                   "|skip_connect~0|+|none~0|none~1|+|none~0|nor_conv_3x3~1|none~2|"));
  EXPECT_FALSE(same("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|",
                    "|nor_conv_1x1~0|+|none~0|none~1|+|none~0|skip_connect~1|none~2|"));
}

TEST(NasBench201, FeasibleSetCountsAndDrawsCanonicalCellsAlone) {
  const SearchSpace space = nas_bench_201();
  const FeasibleSet all(space, space.default_input(), Budget{});
  EXPECT_EQ(to_string(all.size()), "6466");
  EXPECT_TRUE(all.count().is_exact());
  EXPECT_EQ(to_string(all.count().at_most), "6466");
  Rng rng(1);
  std::map<Architecture, int> drawn;
  for (int i = 0; i < 64660; ++i) ++drawn[all.draw(rng)];
  // Uniform: 10 draws a cell expected; chi-square over 6465 degrees of freedom has mean 6465 and deviation 113.7.
  double chi_square = 10.0 * static_cast<double>(6466 - drawn.size());
  for (const auto& [arch, count] : drawn) {
    ASSERT_EQ(space.canonical(arch), arch);
    chi_square += (count - 10.0) * (count - 10.0) / 10.0;
  }
  EXPECT_LT(chi_square, 6465 + 4 * 113.7);
  EXPECT_GT(chi_square, 6465 - 4 * 113.7);
}

TEST(NasBench201, CellsAndChannelsMakeTheSameCellsNetworkSmallerOrLarger) {
  const auto macs = [](const NasBench201Options& options, const char* arch) {
    const SearchSpace space = nas_bench_201(options);
    return space.cost_table(space.default_input()).macs(space.parse(arch));
  };
  const char* one = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|";
  const char* none = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|";
  // A 3x3 convolution of C channels takes 9 C^2 multiply-accumulates a pixel: of each stage the same.
  const std::int64_t convolution = 9 * 16 * 16 * 32 * 32;
  for (const int cells : {1, 2, 5})
    EXPECT_EQ(macs({.cells = cells}, one) - macs({.cells = cells}, none), 3 * cells * convolution);
  EXPECT_EQ(macs({.cells = 3, .channels = 4}, one) - macs({.cells = 3, .channels = 4}, none), 9 * convolution / 16);
  EXPECT_EQ(macs({.cells = 1}, none), macs({}, none));
  EXPECT_EQ(nas_bench_201({.cells = 1, .channels = 8, .partial = 4}).name(),
            "nas_bench_201(cells=1,channels=8,partial=4)");
  EXPECT_THROWS_WITH(nas_bench_201({.channels = 6, .partial = 4}), UsageError,
                     "space.partial = 4 must divide the 6 channels");
}

TEST(NasBench201, RefusesOtherTextNamingThePosition) {
  const SearchSpace space = nas_bench_201();
  const std::string good = "|none~0|+|none~0|none~1|+|none~0|none~1|avg_pool_3x3~2|";
  EXPECT_EQ(space.to_string_as_written(space.parse_as_written(good)), good);
  EXPECT_THROWS_WITH(space.parse(""), InvalidArchitecture, "character 1");
  EXPECT_THROWS_WITH(space.parse("|conv~0|+"), InvalidArchitecture,
                     "character 2 ('conv~0|+'): an operation is expected, one of none,");
  EXPECT_THROWS_WITH(space.parse("|none~1|+"), InvalidArchitecture, "character 6 ('~1|+'): '~0|' is expected");
  EXPECT_THROWS_WITH(space.parse(good + "|"), InvalidArchitecture, "the cell ends here");
  EXPECT_THROWS_WITH(space.parse(good.substr(0, good.size() - 1)), InvalidArchitecture, "'~2|' is expected");
}

}  // namespace
}  // namespace frontier
