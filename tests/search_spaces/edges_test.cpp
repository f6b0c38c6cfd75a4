#include "search_spaces/edges.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "search_spaces/registry.h"
#include "support/branch_spaces.h"

namespace frontier {
namespace {

Edges edges(const std::string& name) {
  const auto space = make_space(name);
  return edges_of(*space, space->default_input());
}

TEST(Edges, OfDartsAreThoseOfEveryNodeOfBothCells) {
  for (const std::string name : {"darts(search=true)", "darts(search=true,partial=4)"}) {
    const auto space = make_space(name);
    const Edges found = edges_of(*space, space->default_input());
    ASSERT_EQ(found.sites.size(), 8U);
    std::size_t place = 0, operations = 0;
    for (const std::string cell : {"normal", "reduce"})
      for (std::size_t node = 0; node < 4; ++node, ++place) {
        const auto at = std::find_if(found.sites.begin(), found.sites.end(), [&](const EdgeSite& s) {
          return s.site.name == cell + ".node" + std::to_string(node) + ".inputs";
        });
        ASSERT_NE(at, found.sites.end());
        EXPECT_EQ(at->site.inputs, node + 2);
        EXPECT_EQ(at->subset.has_value(), node > 0);
        for (std::size_t from = 0; from < node + 2; ++from) {
          ASSERT_TRUE(at->operations[from].has_value());
          EXPECT_EQ(*at->operations[from],
                    space->decision_index(cell + ".node" + std::to_string(node) + ".from" + std::to_string(from)));
          ++operations;
        }
      }
    EXPECT_EQ(operations, 28U);
    for (std::size_t d = 0; d < space->decisions().size(); ++d)
      for (std::size_t i = 0; i < found.none[d].size(); ++i)
        EXPECT_EQ(found.none[d][i], space->decisions()[d].options[i] == "none") << space->decisions()[d].name;
  }
}

TEST(Edges, OfNasBench201AddAllThatArrive) {
  for (const std::string name : {"nas_bench_201", "nas_bench_201(partial=4)"}) {
    const Edges found = edges(name);
    ASSERT_EQ(found.sites.size(), 2U);  // one edge alone arrives at node 1
    EXPECT_EQ(found.sites[0].site, (Site{"node2", 2}));
    EXPECT_EQ(found.sites[1].site, (Site{"node3", 3}));
    for (const EdgeSite& site : found.sites) EXPECT_FALSE(site.subset.has_value());
    EXPECT_EQ(*found.sites[1].operations[0], 3U);
    EXPECT_EQ(*found.sites[1].operations[2], 5U);
    EXPECT_EQ(found.none[0], (std::vector<bool>{true, false, false, false, false}));
  }
}

TEST(Edges, ChainsHaveNone) {
  EXPECT_TRUE(edges("nas_bench_macro").sites.empty());
  EXPECT_TRUE(edges("mobile_cnn").sites.empty());
  const SearchSpace space = testing_support::branch_space();
  EXPECT_EQ(edges_of(space, space.default_input()).none[1], (std::vector<bool>{false, true, false, false}));
}

}  // namespace
}  // namespace frontier
