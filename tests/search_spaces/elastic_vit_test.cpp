#include "search_spaces/elastic_vit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "common/errors.h"
#include "search_spaces/budget.h"
#include "support/messages.h"
#include "support/shared_data.h"

namespace frontier {
namespace {

using namespace testing_support;
using Json = nlohmann::json;

Json golden() {
  std::ifstream file(source_folder() / "tests/golden/elastic_vit.json");
  return Json::parse(file);
}

/// One entry a stage of a list with one entry a layer.
std::string stage_wise(const Json& layers, const Json& depths, std::size_t first_stage, std::size_t num_stages,
                       std::size_t first_layer = 0) {
  std::string text;
  std::size_t next = first_layer;
  for (std::size_t s = first_stage; s < first_stage + num_stages; ++s) {
    const auto depth = depths[s].get<std::size_t>();
    text += (text.empty() ? "" : ",") + layers[next].dump();
    for (std::size_t i = 0; i < depth; ++i) EXPECT_EQ(layers[next + i], layers[next]) << layers.dump();
    next += depth;
  }
  EXPECT_EQ(next, layers.size()) << layers.dump();
  return text;
}

/// The released code's tuple in the space's notation.
std::string notation(const Json& tuple) {
  const auto &channels = tuple[1], &depths = tuple[2];
  const auto stem_depth = depths[0].get<std::size_t>();
  return "r=" + tuple[0].dump() + " channels=" + channels.dump() + " depths=" + depths.dump() +
         " ratio=" + stage_wise(tuple[3], depths, 1, 2, stem_depth) + " kernel=" + stage_wise(tuple[4], depths, 0, 3) +
         " mlp=" + stage_wise(tuple[5], depths, 3, 4) + " v=" + stage_wise(tuple[9], depths, 3, 4);
}

double paper_mmacs(const Architecture& arch) {
  return static_cast<double>(elastic_vit_paper_macs(elastic_vit_224(), arch, 1000)) / 1e6;
}

TEST(ElasticViT, PaperMacsOfTheReleasedModels) {
  const SearchSpace space = elastic_vit(elastic_vit_224());
  const Json file = golden();
  ASSERT_EQ(file["subnets"].size(), 12U);
  for (const auto& row : file["subnets"]) {
    SCOPED_TRACE(row["name"].get<std::string>());
    const Architecture arch = space.parse(notation(row["tuple"]));
    EXPECT_NEAR(paper_mmacs(arch), row["mmacs"].get<double>(), file["tolerance"].get<double>());
    EXPECT_EQ(space.parse(space.to_string(arch)), arch);
  }
}

/// Options that are first or last everywhere; their widths grow from stage to stage.
Architecture extreme(const SearchSpace& space, bool last) {
  Architecture arch;
  for (const auto& decision : space.decisions())
    arch.choices.push_back(static_cast<std::uint16_t>(last ? decision.options.size() - 1 : 0));
  space.validate(arch);
  return arch;
}

TEST(ElasticViT, PaperMacsOfTheSmallestAndLargest) {
  const SearchSpace space = elastic_vit(elastic_vit_224());
  EXPECT_NEAR(paper_mmacs(extreme(space, false)), golden()["smallest_mmacs"].get<double>(), 0.005);
  EXPECT_NEAR(paper_mmacs(extreme(space, true)), golden()["largest_mmacs"].get<double>(), 0.05);
}

std::size_t option_count(const SearchSpace& space, std::size_t d) { return space.decisions()[d].options.size(); }

/// The number that an architecture has for a decision.
std::int64_t chosen(const SearchSpace& space, const Architecture& arch, const std::string& decision) {
  const std::size_t d = space.decision_index(decision);
  return std::stoll(space.decisions()[d].options[arch.choices[d]]);
}

/// As the released code draws: the widths in order, each uniform among those that are not below the one before.
Architecture draw_in_order(const SearchSpace& space, const std::vector<std::size_t>& widths, Rng& rng) {
  Architecture arch;
  for (std::size_t d = 0; d < space.decisions().size(); ++d)
    arch.choices.push_back(static_cast<std::uint16_t>(rng.below(option_count(space, d))));
  for (std::size_t i = 1; i < widths.size(); ++i) {
    const auto width = [&](std::size_t d) { return std::stoll(space.decisions()[d].options[arch.choices[d]]); };
    while (width(widths[i]) < width(widths[i - 1]))
      arch.choices[widths[i]] = static_cast<std::uint16_t>(rng.below(option_count(space, widths[i])));
  }
  return arch;
}

TEST(ElasticViT, DrawsOfTheReleasedCodeCostWhatIsKnown) {
  const SearchSpace space = elastic_vit(elastic_vit_224());
  std::vector<std::size_t> widths;
  for (const char* stage : {"stem", "conv0", "conv1", "attention0", "attention1", "attention2", "attention3"})
    widths.push_back(space.decision_index(std::string(stage) + ".width"));
  constexpr double kDraws = 20'000;
  Rng rng(1);
  std::vector<double> mmacs;
  for (int i = 0; i < kDraws; ++i) mmacs.push_back(paper_mmacs(draw_in_order(space, widths, rng)));
  const double mean = std::accumulate(mmacs.begin(), mmacs.end(), 0.0) / kDraws;
  double variance = 0, fourth = 0;
  for (const double value : mmacs) {
    variance += std::pow(value - mean, 2) / kDraws;
    fourth += std::pow(value - mean, 4) / kDraws;
  }
  // Both sides are samples of 20,000, and the known values are rounded: four standard errors of a difference, and 0.5.
  const Json known = golden()["uniform_draws"];
  const double sd = std::sqrt(variance);
  EXPECT_NEAR(mean, known["mean"].get<double>(), 0.5 + 4 * sd * std::sqrt(2 / kDraws));
  EXPECT_NEAR(sd, known["sd"].get<double>(),
              0.5 + 4 * std::sqrt(2 * (fourth - variance * variance) / (4 * variance * kDraws)));
  for (const auto& [name, q] :
       {std::pair{"percent_1", 0.01}, {"median", 0.5}, {"percent_95", 0.95}, {"percent_99", 0.99}}) {
    const auto share_below = [&](double limit) {
      return static_cast<double>(std::count_if(mmacs.begin(), mmacs.end(), [&](double m) { return m < limit; })) /
             kDraws;
    };
    const double quantile = known[name].get<double>(), error = 4 * std::sqrt(2 * q * (1 - q) / kDraws);
    EXPECT_LE(share_below(quantile - 0.5), q + error) << name;
    EXPECT_GE(share_below(quantile + 0.5), q - error) << name;
  }
}

/// What the network multiplies beyond the paper's rule, less what the rule counts and the network does not have. For
/// resolutions whose convolution stages halve even sides.
std::int64_t beyond_the_paper(const ElasticViTOptions& options, const SearchSpace& space, const Architecture& arch) {
  const auto of = [&](const std::string& decision) { return chosen(space, arch, decision); };
  std::int64_t side = of("resolution") / 2, width = of("stem.width"), macs = 0;
  for (std::size_t s = 0; s < options.convolution.size(); ++s) {
    const std::int64_t out = of("conv" + std::to_string(s) + ".width");
    EXPECT_EQ(side % 2, 0);
    side /= 2;
    if (width == out) macs -= width * out * side * side;  // no convolution in that shortcut
    width = out;
  }
  for (std::size_t s = 0; s < options.attention.size(); ++s) {
    const std::string name = "attention" + std::to_string(s);
    const std::int64_t out = of(name + ".width"), values = out * of(name + ".v_scale"), hidden = 6 * width;
    const std::int64_t read = side;
    side = (side + options.attention[s].stride - 1) / options.attention[s].stride;
    const std::int64_t tokens = side * side, rule_read = side * options.attention[s].stride;
    macs += 2 * hidden * (hidden / 4);                               // squeeze-excite of the reduction
    if (width != out) macs += width * out * tokens;                  // its shortcut
    macs -= width * hidden * (rule_read * rule_read - read * read);  // its first layer, where an odd side is halved
    macs += of(name + ".depth") * 8 * tokens * values;               // eight more taps of the values' convolution
    macs -= of(name + ".depth") * tokens * tokens * (out / options.head_dim);  // softmax
    width = out;
  }
  return macs;
}

TEST(ElasticViT, NetworksMultiplyThePapersMacsAndWhatItsRuleLeavesOut) {
  for (const ElasticViTOptions& options : {elastic_vit_224(), elastic_vit_28()}) {
    const SearchSpace space = elastic_vit(options);
    const CostTable table = space.cost_table(options.input);
    std::set<std::int64_t> resolutions;
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      SCOPED_TRACE(testing::Message() << space.name() << " seed " << seed);
      Rng rng(seed);
      const Architecture arch = space.random(rng);
      const std::int64_t resolution = chosen(space, arch, "resolution");
      if (resolution % 8 != 0) continue;  // of elastic_vit_28: the rule rounds down where the network rounds up
      resolutions.insert(resolution);
      ASSERT_EQ(table.macs(arch),
                elastic_vit_paper_macs(options, arch, options.input.classes) + beyond_the_paper(options, space, arch));
    }
    EXPECT_EQ(resolutions.size(), options.input.height == 224 ? 6U : 1U);
  }
}

TEST(ElasticViT, SidesOfStages) {
  const SearchSpace space = elastic_vit(elastic_vit_224());
  const auto sides = [&](std::int64_t resolution) {
    Architecture arch = extreme(space, false);
    const auto& options = elastic_vit_224().resolution;
    arch.choices[0] =
        static_cast<std::uint16_t>(std::find(options.begin(), options.end(), resolution) - options.begin());
    const NetworkGraph graph = space.build(arch, space.default_input());
    std::vector<std::int64_t> result;
    for (NetworkGraph::Vertex v = 0; v < graph.size(); ++v)
      if (graph[v].name.ends_with("layer0.depthwise") || graph[v].name.ends_with("layer0.attention"))
        result.push_back(graph[v].output.height.value());
    return result;
  };
  using List = std::vector<std::int64_t>;
  EXPECT_EQ(sides(224), (List{112, 56, 28, 14, 14, 7, 4}));
  EXPECT_EQ(sides(176), (List{88, 44, 22, 11, 11, 6, 3}));
  EXPECT_EQ(sides(160), (List{80, 40, 20, 10, 10, 5, 3}));
}

TEST(ElasticViT, CountsAndPrices) {
  const SearchSpace space = elastic_vit(elastic_vit_224()), small = elastic_vit(elastic_vit_28());
  const FeasibleSet all(space, space.default_input(), Budget{});
  // 31,502 rows of widths that do not fall, times 6 * 4 * 32 * 40 * 60 * 72^3 other choices; 44 * 3 * 4 * 24^2 * 36^2.
  EXPECT_EQ(to_string(all.size()), "21672453419827200");
  EXPECT_EQ(all.least_macs().arch, extreme(space, false));
  EXPECT_EQ(all.most_macs().arch, extreme(space, true));
  EXPECT_EQ(to_string(FeasibleSet(small, small.default_input(), Budget{}).size()), "394149888");
}

TEST(ElasticViT, BudgetsHoldAndAreDrawnFrom) {
  const SearchSpace space = elastic_vit(elastic_vit_224());
  const FeasibleSet set(space, space.default_input(), Budget{.max_macs = 100'000'000});
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Rng rng(seed);
    const Architecture arch = set.draw(rng);
    ASSERT_LE(cost(space.build(arch, space.default_input())).macs, 100'000'000) << "seed " << seed;
    ASSERT_TRUE(space.meets_constraints(arch)) << "seed " << seed;
  }
}

TEST(ElasticViT, RefusesOtherTextNamingThePlace) {
  const SearchSpace space = elastic_vit(elastic_vit_28());
  const std::string rest = " ratio=3,6 kernel=5,3,3 mlp=2,5 v=4,2";
  const std::string text = "r=24 channels=8,16,16,32,48 depths=2,1,3,1,2" + rest;
  EXPECT_EQ(space.to_string(space.parse(text)), text);
  EXPECT_EQ(
      space.parse("v: [4, 2], mlp: [2, 5]; kernel 5 3 3; ratio 3 6; depths=(2,1,3,1,2) channels=8,16,16,32,48 r=24"),
      space.parse(text));
  EXPECT_THROWS_WITH(space.parse("r=22 channels=8,16,16,32,48 depths=2,1,3,1,2" + rest), InvalidArchitecture,
                     "character 3 ('22'): resolution is one of 20, 24, 28");
  EXPECT_THROWS_WITH(space.parse("r=24 channels=8,16,16,33,48 depths=2,1,3,1,2" + rest), InvalidArchitecture,
                     "character 23 ('33'): attention0.width is one of 32, 48, 64");
  EXPECT_THROWS_WITH(space.parse("r=24 channels=8,16,16,64,48 depths=2,1,3,1,2" + rest), InvalidArchitecture,
                     "architecture, attention1.width: less than attention0.width");
  EXPECT_THROWS_WITH(space.parse("r=24 channels=8,16,16,32 depths=2,1,3,1,2" + rest), InvalidArchitecture,
                     "channels has 4 entries; it needs 5");
  EXPECT_THROWS_WITH(space.parse("r=24 channels=8,16,16,32,48 depths=2,1,3,1,2 ratio=3,6 kernel=5,3,3 mlp=2,5"),
                     InvalidArchitecture, "lacks v; it needs r, channels, depths, ratio, kernel, mlp, v");
}

}  // namespace
}  // namespace frontier
