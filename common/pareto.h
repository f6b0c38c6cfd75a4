#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace frontier {

/// Pareto dominance over points of `dims` objectives, all minimised (negate what is maximised), stored row after row.
/// `a` dominates `b` if it is nowhere larger and somewhere smaller; equal points do not dominate each other, so ties
/// stay together. Infinities are ordinary values. All functions throw UsageError for a NaN or a size that is no
/// multiple of `dims`.

/// Indices of the points that no other point dominates, ascending. O(n log n) for up to three objectives; beyond, each
/// point is compared with the front found so far.
std::vector<std::size_t> pareto_front(std::span<const double> points, std::size_t dims);

/// Rank of every point: 0 on the front, 1 on the front of what is left without it, and so on (non-dominated sorting;
/// the "efficient sort with binary search" of Zhang, Tian, Cheng and Jin, IEEE TEVC 2015). O(n log n) for two
/// objectives, O(n log^2 n) for three; beyond, each point is compared with the members of O(log n) fronts. Differs from
/// the paper: two and three objectives keep each front as a bound or a staircase instead of a list.
std::vector<std::size_t> pareto_ranks(std::span<const double> points, std::size_t dims);

/// Volume dominated by `points` and bounded by `reference` (one value an objective); points not below the reference
/// everywhere add nothing. All values finite. Exact: a sweep for two and three objectives, for more the recursion of
/// While, Bradstreet and Barone ("A fast way of calculating exact hypervolumes", IEEE TEVC 2012), exponential in `dims`
/// at worst.
double hypervolume(std::span<const double> points, std::span<const double> reference);

}  // namespace frontier
