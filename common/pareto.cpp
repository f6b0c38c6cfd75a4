#include "common/pareto.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <string>

#include "common/errors.h"

namespace frontier {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check(std::span<const double> points, std::size_t dims) {
  if (dims == 0 || points.size() % dims != 0)
    throw UsageError(std::to_string(points.size()) + " values are not points of " + std::to_string(dims) +
                     " objectives");
  const auto nan = std::find_if(points.begin(), points.end(), [](double x) { return std::isnan(x); });
  if (nan != points.end())
    throw UsageError("point " + std::to_string(static_cast<std::size_t>(nan - points.begin()) / dims) +
                     " is not a number");
}

/// Indices in lexicographic order: no point is dominated by a later one.
std::vector<std::size_t> sorted(std::span<const double> points, std::size_t dims) {
  // Sorting the first objective beside the index keeps nearly all comparisons within the sorted array.
  struct Item {
    double first;
    std::size_t index;
  };
  std::vector<Item> items(points.size() / dims);
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = {points[i * dims], i};
  std::sort(items.begin(), items.end(), [&](const Item& a, const Item& b) {
    if (a.first != b.first) return a.first < b.first;
    const double* p = points.data() + a.index * dims;
    const double* q = points.data() + b.index * dims;
    for (std::size_t d = 1; d < dims; ++d)
      if (p[d] != q[d]) return p[d] < q[d];
    return a.index < b.index;
  });
  std::vector<std::size_t> order(items.size());
  std::transform(items.begin(), items.end(), order.begin(), [](const Item& item) { return item.index; });
  return order;
}

// A layer holds the points of one front. As points arrive in lexicographic order and never equal, an earlier one
// dominates a later one exactly if it is nowhere larger in the objectives after the first: `covers` asks for such a
// point.

/// One and two objectives: the smallest second objective tells all.
class BoundLayer {
 public:
  explicit BoundLayer(std::size_t dims) : dims_(dims) {}
  bool covers(const double* p) const { return !empty_ && (dims_ == 1 || bound_ <= p[1]); }
  void add(const double* p) {
    bound_ = dims_ == 1 ? 0 : p[1];
    empty_ = false;
  }

 private:
  std::size_t dims_;
  double bound_ = kInfinity;
  bool empty_ = true;
};

/// Three objectives: a staircase in the last two.
class StaircaseLayer {
 public:
  explicit StaircaseLayer(std::size_t) {}
  bool covers(const double* p) const {
    const auto above = steps_.upper_bound(p[1]);
    return above != steps_.begin() && std::prev(above)->second <= p[2];
  }
  void add(const double* p) {
    auto step = steps_.lower_bound(p[1]);
    while (step != steps_.end() && step->second >= p[2]) step = steps_.erase(step);
    steps_[p[1]] = p[2];
  }

 private:
  std::map<double, double> steps_;
};

/// Any number of objectives: the points themselves. A point that covered one is asked first for the next.
class ListLayer {
 public:
  explicit ListLayer(std::size_t dims) : dims_(dims) {}
  bool covers(const double* p) {
    for (std::size_t i = 0; i < points_.size(); ++i) {
      std::size_t d = 1;
      while (d < dims_ && points_[i][d] <= p[d]) ++d;
      if (d < dims_) continue;
      std::swap(points_[i], points_[i / 2]);
      return true;
    }
    return false;
  }
  void add(const double* p) { points_.push_back(p); }

 private:
  std::size_t dims_;
  std::vector<const double*> points_;
};

bool equal(const double* p, const double* q, std::size_t dims) { return std::equal(p, p + dims, q); }

template <class Layer>
std::vector<std::size_t> front_with(std::span<const double> points, std::size_t dims) {
  Layer layer(dims);
  std::vector<std::size_t> front;
  for (const std::size_t i : sorted(points, dims)) {
    const double* p = points.data() + i * dims;
    if (front.empty() || !equal(p, points.data() + front.back() * dims, dims)) {
      if (layer.covers(p)) continue;
      layer.add(p);
    }
    front.push_back(i);
  }
  std::sort(front.begin(), front.end());
  return front;
}

template <class Layer>
std::vector<std::size_t> ranks_with(std::span<const double> points, std::size_t dims) {
  std::vector<Layer> layers;
  std::vector<std::size_t> ranks(points.size() / dims);
  const double* previous = nullptr;
  std::size_t rank = 0;
  for (const std::size_t i : sorted(points, dims)) {
    const double* p = points.data() + i * dims;
    if (previous == nullptr || !equal(p, previous, dims)) {
      // Whatever a layer covers, the layers before it cover too.
      const auto free =
          std::partition_point(layers.begin(), layers.end(), [&](Layer& layer) { return layer.covers(p); });
      rank = static_cast<std::size_t>(free - layers.begin());
      if (free == layers.end()) layers.emplace_back(dims);
      layers[rank].add(p);
      previous = p;
    }
    ranks[i] = rank;
  }
  return ranks;
}

std::vector<std::size_t> front_of(std::span<const double> points, std::size_t dims) {
  if (dims <= 2) return front_with<BoundLayer>(points, dims);
  if (dims == 3) return front_with<StaircaseLayer>(points, dims);
  return front_with<ListLayer>(points, dims);
}

bool dominates(const double* p, const double* q, std::size_t dims) {
  bool smaller = false;
  for (std::size_t d = 0; d < dims; ++d) {
    if (p[d] > q[d]) return false;
    smaller = smaller || p[d] < q[d];
  }
  return smaller;
}

using Points = std::vector<double>;

/// The points with these indices, row after row.
Points gather(std::span<const double> points, std::size_t dims, const std::vector<std::size_t>& indices) {
  Points chosen;
  chosen.reserve(indices.size() * dims);
  for (const std::size_t i : indices)
    for (std::size_t d = 0; d < dims; ++d) chosen.push_back(points[i * dims + d]);
  return chosen;
}

/// Indices of the points that the front of a small sample leaves: of many points, few, so that there is little to sort.
std::vector<std::size_t> survivors(std::span<const double> points, std::size_t dims) {
  constexpr std::size_t kSample = 1024;
  const std::size_t n = points.size() / dims;
  std::vector<std::size_t> sample(kSample);
  for (std::size_t i = 0; i < kSample; ++i) sample[i] = i * (n / kSample);
  const Points sampled = gather(points, dims, sample);
  std::vector<const double*> rivals;
  for (const std::size_t i : front_of(sampled, dims)) rivals.push_back(sampled.data() + i * dims);
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < n; ++i) {
    const double* p = points.data() + i * dims;
    const auto rival =
        std::find_if(rivals.begin(), rivals.end(), [&](const double* q) { return dominates(q, p, dims); });
    if (rival == rivals.end()) {
      left.push_back(i);
    } else {
      std::swap(*rival, rivals[static_cast<std::size_t>(rival - rivals.begin()) / 2]);  // the busiest are asked first
    }
  }
  return left;
}

double area(const Points& front, std::span<const double> reference) {
  double sum = 0;
  double top = reference[1];
  for (const std::size_t i : sorted(front, 2)) {
    if (front[2 * i + 1] >= top) continue;
    sum += (reference[0] - front[2 * i]) * (top - front[2 * i + 1]);
    top = front[2 * i + 1];
  }
  return sum;
}

/// Sweeps the first objective and keeps the area that the points passed so far cover in the other two.
double volume(const Points& front, std::span<const double> reference) {
  std::map<double, double> steps;  // falling: what lies right of `first` is covered from `second` up
  double covered = 0;
  double sum = 0;
  double last = reference[0];
  for (const std::size_t i : sorted(front, 3)) {
    const double x = front[3 * i];
    const double y = front[3 * i + 1];
    const double z = front[3 * i + 2];
    sum += covered * (x - last);
    last = x;
    auto step = steps.upper_bound(y);
    double top = step == steps.begin() ? reference[2] : std::prev(step)->second;
    if (top <= z) continue;
    double left = y;
    while (true) {
      const double right = step == steps.end() ? reference[1] : step->first;
      covered += (right - left) * (top - z);
      if (step == steps.end() || step->second < z) break;
      left = right;
      top = step->second;
      step = steps.erase(step);
    }
    steps[y] = z;
  }
  return sum + covered * (reference[0] - last);
}

double volume_of(const Points& points, std::span<const double> reference);

/// What each point adds to those after it (WFG's inclusive minus limited volume).
double volume_by_recursion(const Points& front, std::span<const double> reference) {
  const std::size_t dims = reference.size();
  const std::size_t n = front.size() / dims;
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double* p = front.data() + i * dims;
    double inclusive = 1;
    for (std::size_t d = 0; d < dims; ++d) inclusive *= reference[d] - p[d];
    Points limited;
    limited.reserve((n - i - 1) * dims);
    for (std::size_t j = i + 1; j < n; ++j)
      for (std::size_t d = 0; d < dims; ++d) limited.push_back(std::max(p[d], front[j * dims + d]));
    sum += inclusive - volume_of(limited, reference);
  }
  return sum;
}

double volume_of(const Points& points, std::span<const double> reference) {
  const std::size_t dims = reference.size();
  if (points.empty()) return 0;
  if (dims == 1) return reference[0] - *std::min_element(points.begin(), points.end());
  if (dims == 2) return area(points, reference);
  if (dims == 3) return volume(points, reference);
  return volume_by_recursion(gather(points, dims, front_of(points, dims)), reference);
}

}  // namespace

std::vector<std::size_t> pareto_front(std::span<const double> points, std::size_t dims) {
  check(points, dims);
  constexpr std::size_t kMany = 16384;
  if (points.size() / dims < kMany) return front_of(points, dims);
  const std::vector<std::size_t> left = survivors(points, dims);
  std::vector<std::size_t> front = front_of(gather(points, dims, left), dims);
  for (std::size_t& i : front) i = left[i];
  return front;
}

std::vector<std::size_t> pareto_ranks(std::span<const double> points, std::size_t dims) {
  check(points, dims);
  if (dims <= 2) return ranks_with<BoundLayer>(points, dims);
  if (dims == 3) return ranks_with<StaircaseLayer>(points, dims);
  return ranks_with<ListLayer>(points, dims);
}

double hypervolume(std::span<const double> points, std::span<const double> reference) {
  const std::size_t dims = reference.size();
  check(points, dims);
  const auto finite = [](double x) { return std::isfinite(x); };
  if (!std::all_of(points.begin(), points.end(), finite) || !std::all_of(reference.begin(), reference.end(), finite))
    throw UsageError("a hypervolume needs finite points and a finite reference");
  Points inside;
  for (std::size_t i = 0; i + dims <= points.size(); i += dims) {
    const auto point = points.subspan(i, dims);
    if (std::equal(point.begin(), point.end(), reference.begin(), std::less<>()))
      inside.insert(inside.end(), point.begin(), point.end());
  }
  return volume_of(inside, reference);
}

}  // namespace frontier
