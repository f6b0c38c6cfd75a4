#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string_view>

#include "report/internal/panels.h"
#include "report/internal/thinned.h"

namespace frontier {
namespace {

constexpr std::size_t kMaxPairs = 2000;    ///< points in one chart
constexpr std::size_t kMaxAgreements = 4;  ///< charts
constexpr std::size_t kLeastRanked = 10;   ///< pairs for a rank correlation

/// Whether `test` holds what `search` holds, but of test images.
bool are_comparable(const Panel& search, const Panel& test) {
  const Protocol &a = search.results.front().protocol, &b = test.results.front().protocol;
  const StoredArchitecture &one = search.results.front().architecture, &other = test.results.front().architecture;
  if (one.space != other.space || one.built_for != other.built_for) return false;
  const auto data = [](const Protocol& protocol) { return protocol.dataset.substr(0, protocol.dataset.find('/')); };
  return a.split != "test" && b.split == "test" && a.evaluator == b.evaluator && a.checkpoint == b.checkpoint &&
         a.recipe == b.recipe && a.seed == b.seed && data(a) == data(b);
}

/// Values as ranks from 1 on, equal ones as the mean of theirs.
std::vector<double> ranks_of(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    for (std::size_t i = first; i <= last; ++i) ranks[order[i]] = static_cast<double>(first + last) / 2 + 1;
    first = last + 1;
  }
  return ranks;
}

/// Pearson's correlation; none where one side is constant.
std::optional<double> correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  double mean_a = 0, mean_b = 0, ab = 0, aa = 0, bb = 0;
  for (const double value : a) mean_a += value / n;
  for (const double value : b) mean_b += value / n;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (aa == 0 || bb == 0) return std::nullopt;
  return ab / std::sqrt(aa * bb);
}

Agreement agreement_of(const std::vector<Panel>& panels, std::size_t search, std::size_t test) {
  Agreement agreement;
  agreement.search_panel = search;
  agreement.test_panel = test;
  std::map<std::string_view, std::size_t> searched;
  const auto& before = panels[search].results;
  const auto& after = panels[test].results;
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i].metrics.contains("top1")) searched.emplace(before[i].architecture.canonical, i);
  std::vector<double> a, b;
  for (std::size_t i = 0; i < after.size(); ++i) {
    const auto found = searched.find(after[i].architecture.canonical);
    if (found == searched.end() || !after[i].metrics.contains("top1")) continue;
    agreement.pairs.push_back({found->second, i});
    a.push_back(before[found->second].metrics.at("top1"));
    b.push_back(after[i].metrics.at("top1"));
    agreement.mean_difference += b.back() - a.back();
  }
  agreement.num_pairs = agreement.pairs.size();
  if (agreement.num_pairs > 0) agreement.mean_difference /= static_cast<double>(agreement.num_pairs);
  if (agreement.num_pairs >= kLeastRanked) agreement.rank_correlation = correlation(ranks_of(a), ranks_of(b));
  std::sort(agreement.pairs.begin(), agreement.pairs.end(), [&](const auto& x, const auto& y) {
    return before[x.searched].metrics.at("top1") < before[y.searched].metrics.at("top1");
  });
  agreement.pairs = thinned(agreement.pairs, kMaxPairs);
  return agreement;
}

}  // namespace

std::vector<Agreement> make_agreements(const std::vector<Panel>& panels) {
  std::vector<Agreement> agreements;
  for (std::size_t search = 0; search < panels.size(); ++search)
    for (std::size_t test = 0; test < panels.size(); ++test) {
      if (agreements.size() == kMaxAgreements || !are_comparable(panels[search], panels[test])) continue;
      Agreement agreement = agreement_of(panels, search, test);
      if (agreement.num_pairs >= 2) agreements.push_back(std::move(agreement));
    }
  return agreements;
}

}  // namespace frontier
