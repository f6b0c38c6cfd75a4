#include "common/pareto.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/errors.h"
#include "common/rng.h"
#include "support/messages.h"

namespace frontier {
namespace {

using Points = std::vector<double>;
using Indices = std::vector<std::size_t>;

bool dominates(const double* p, const double* q, std::size_t dims) {
  bool smaller = false;
  for (std::size_t d = 0; d < dims; ++d) {
    if (p[d] > q[d]) return false;
    smaller = smaller || p[d] < q[d];
  }
  return smaller;
}

/// The definition, point by point.
Indices brute_force_ranks(const Points& points, std::size_t dims) {
  const std::size_t n = points.size() / dims;
  const std::size_t unranked = n + 1;
  Indices ranks(n, unranked);
  for (std::size_t rank = 0, left = n; left > 0; ++rank) {
    Indices front;
    for (std::size_t i = 0; i < n; ++i) {
      bool dominated = ranks[i] != unranked;
      for (std::size_t j = 0; j < n && !dominated; ++j)
        dominated = ranks[j] == unranked && dominates(&points[j * dims], &points[i * dims], dims);
      if (!dominated) front.push_back(i);
    }
    for (const std::size_t i : front) ranks[i] = rank;
    left -= front.size();
  }
  return ranks;
}

/// Few distinct values give ties and equal points.
Points random_points(std::size_t n, std::size_t dims, std::uint64_t distinct, Rng& rng) {
  Points points(n * dims);
  for (double& x : points) x = static_cast<double>(rng.below(distinct)) - 5;
  return points;
}

TEST(Pareto, FrontAndRanksEqualBruteForce) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    Rng rng(seed);
    const std::size_t dims = 1 + rng.below(5);
    const std::size_t n = rng.below(60);
    const std::uint64_t distinct = std::vector<std::uint64_t>{2, 5, 12, 1000000}[rng.below(4)];
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", " << n << " points of " << dims);
    const Points points = random_points(n, dims, distinct, rng);
    const Indices expected = brute_force_ranks(points, dims);
    EXPECT_EQ(pareto_ranks(points, dims), expected);
    Indices front;
    for (std::size_t i = 0; i < n; ++i)
      if (expected[i] == 0) front.push_back(i);
    EXPECT_EQ(pareto_front(points, dims), front);
  }
}

TEST(Pareto, FrontOfManyPointsIsTheFirstRank) {
  for (std::size_t dims = 1; dims <= 4; ++dims) {
    for (const std::uint64_t distinct : {40ULL, 1000000ULL}) {
      SCOPED_TRACE(::testing::Message() << dims << " objectives, " << distinct << " values");
      Rng rng(dims);
      const Points points = random_points(20000, dims, distinct, rng);  // enough that a sample is asked first
      const Indices front = pareto_front(points, dims);
      ASSERT_FALSE(front.empty());
      std::vector<bool> member(20000, false);
      for (const std::size_t i : front) member[i] = true;
      for (std::size_t i = 0; i < 20000; ++i) {
        bool dominated = false;
        for (const std::size_t j : front)
          dominated = dominated || dominates(&points[j * dims], &points[i * dims], dims);
        ASSERT_EQ(member[i], !dominated) << "point " << i;
      }
    }
  }
}

TEST(Pareto, EqualPointsStayTogether) {
  const Points points = {1, 2, 1, 2, 2, 1, 3, 3, 3, 3};
  EXPECT_EQ(pareto_front(points, 2), (Indices{0, 1, 2}));
  EXPECT_EQ(pareto_ranks(points, 2), (Indices{0, 0, 0, 1, 1}));
}

TEST(Pareto, InfinitiesAreValuesAndNanIsRefused) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(pareto_ranks(Points{0, kInfinity, kInfinity, 0, kInfinity, kInfinity}, 2), (Indices{0, 0, 1}));
  EXPECT_THROWS_WITH(pareto_front(Points{1, 2, 3, std::nan("")}, 2), UsageError, "point 1 is not a number");
  EXPECT_THROWS_WITH(pareto_ranks(Points{1, 2, 3}, 2), UsageError, "3 values are not points of 2 objectives");
  EXPECT_THROWS_WITH(pareto_ranks(Points{}, 0), UsageError, "0 objectives");
}

TEST(Pareto, NothingGivesNothing) {
  EXPECT_TRUE(pareto_front(Points{}, 2).empty());
  EXPECT_TRUE(pareto_ranks(Points{}, 3).empty());
  EXPECT_EQ(hypervolume(Points{}, Points{1, 1}), 0);
}

TEST(Hypervolume, ClosedForms) {
  EXPECT_DOUBLE_EQ(hypervolume(Points{2}, Points{5}), 3);
  EXPECT_DOUBLE_EQ(hypervolume(Points{1, 3, 2, 2, 3, 1}, Points{4, 4}), 6);
  EXPECT_DOUBLE_EQ(hypervolume(Points{0, 0, 0}, Points{2, 3, 4}), 24);
  EXPECT_DOUBLE_EQ(hypervolume(Points{0, 0, 0, 0}, Points{1, 2, 3, 4}), 24);
  EXPECT_DOUBLE_EQ(hypervolume(Points{5, 0, 0, 5}, Points{5, 5}), 0) << "on the border of the reference";
  EXPECT_THROWS_WITH(hypervolume(Points{1, INFINITY}, Points{2, 2}), UsageError, "finite");
}

/// Points with small whole coordinates: counts the unit cells that a point dominates.
double counted_cells(const Points& points, std::size_t dims, std::size_t side) {
  std::size_t cells = 1;
  for (std::size_t d = 0; d < dims; ++d) cells *= side;
  double covered = 0;
  for (std::size_t cell = 0; cell < cells; ++cell) {
    bool inside = false;
    for (std::size_t i = 0; i < points.size() && !inside; i += dims) {
      std::size_t rest = cell;
      inside = true;
      for (std::size_t d = 0; d < dims; ++d, rest /= side)
        inside = inside && points[i + d] <= static_cast<double>(rest % side);
    }
    covered += inside;
  }
  return covered;
}

TEST(Hypervolume, EqualsCountedCells) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Rng rng(seed);
    const std::size_t dims = 2 + rng.below(4);
    const std::size_t side = dims <= 3 ? 9 : 5;
    const std::size_t n = 1 + rng.below(25);
    SCOPED_TRACE(::testing::Message() << "seed " << seed << ", " << n << " points of " << dims);
    Points points(n * dims);
    for (double& x : points) x = static_cast<double>(rng.below(side + 2));  // some beyond the reference
    EXPECT_DOUBLE_EQ(hypervolume(points, Points(dims, static_cast<double>(side))), counted_cells(points, dims, side));
  }
}

}  // namespace
}  // namespace frontier
