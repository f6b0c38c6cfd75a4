#include "jobs/comparison.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/errors.h"
#include "common/pareto.h"
#include "common/statistics.h"

namespace frontier {
namespace {

using Json = nlohmann::ordered_json;

/// One figure of an arm: a value a seed.
struct Figure {
  std::string name;
  std::vector<double> values;
};

struct Figures {
  std::vector<Figure> metrics;
  std::vector<Figure> bins;  ///< accuracy in each, without names
};

std::vector<std::int64_t> macs_of(const std::vector<ComparedBin>& bins) {
  std::vector<std::int64_t> macs;
  for (const ComparedBin& bin : bins) macs.insert(macs.end(), bin.macs.begin(), bin.macs.end());
  return macs;
}

/// Mean accuracy in each bin.
std::vector<double> by_bin(const std::vector<ComparedBin>& bins, const std::vector<double>& top1) {
  std::vector<double> means;
  std::size_t first = 0;
  for (const ComparedBin& bin : bins) {
    means.push_back(mean(std::span(top1).subspan(first, bin.archs.size())));
    first += bin.archs.size();
  }
  return means;
}

std::optional<double> tau_of(const std::vector<OwnNetwork>& own, const std::vector<double>& top1) {
  std::vector<double> inherited, trained;
  for (const OwnNetwork& network : own) {
    inherited.push_back(top1.at(network.place));
    trained.push_back(network.top1);
  }
  return kendall_tau(inherited, trained);
}

/// @throws Error where a training lacks a number of the list.
Figures figures_of(const MeasuredComparison& all, const ComparedArm& arm) {
  const std::vector<std::int64_t> macs = macs_of(all.bins);
  Figures figures{{{"top1", {}},
                   {"top1_cheapest_bin", {}},
                   {"top1_dearest_bin", {}},
                   {"hypervolume", {}},
                   {"macs", {}},
                   {"seconds", {}}},
                  std::vector<Figure>(all.bins.size())};
  Figure tau{"kendall_tau", {}};
  for (const ComparedTraining& training : arm.trainings) {
    if (training.top1.size() != macs.size()) throw Error("a supernet was not measured on all of the list");
    const std::vector<double> bins = by_bin(all.bins, training.top1);
    const double values[] = {mean(bins),    bins.front(),
                             bins.back(),   relative_hypervolume(training.top1, macs, all.dearest),
                             training.macs, training.seconds};
    for (std::size_t m = 0; m < figures.metrics.size(); ++m) figures.metrics[m].values.push_back(values[m]);
    for (std::size_t b = 0; b < bins.size(); ++b) figures.bins[b].values.push_back(bins[b]);
    if (const auto value = tau_of(all.own, training.top1)) tau.values.push_back(*value);
  }
  // Of seeds of which some have none no mean can be paired with another arm's.
  if (tau.values.size() == arm.trainings.size()) figures.metrics.insert(figures.metrics.begin() + 4, tau);
  return figures;
}

Json summary(const Figure& figure) {
  Json json = {{"mean", mean(figure.values)}, {"sd", nullptr}, {"values", figure.values}};
  if (figure.values.size() > 1) json["sd"] = standard_deviation(figure.values);
  return json;
}

Json difference(const Figure& figure, const Figure& reference) {
  std::vector<double> pairs;
  for (std::size_t s = 0; s < figure.values.size(); ++s) pairs.push_back(figure.values[s] - reference.values[s]);
  Json json = {{"mean", mean(pairs)}};
  if (const auto interval = mean_interval(pairs, kConfidence)) {
    json["low"] = interval->low;
    json["high"] = interval->high;
    json["verdict"] = interval->low > 0 ? "ahead" : interval->high < 0 ? "behind" : "not told apart";
  }
  return json;
}

/// Of accuracies and what follows from them; more cost or time is not "ahead".
Json differences(const Figures& figures, const Figures& reference) {
  Json json = Json::object();
  for (const Figure& figure : figures.metrics) {
    if (figure.name == "macs" || figure.name == "seconds") continue;
    const auto same = std::find_if(reference.metrics.begin(), reference.metrics.end(),
                                   [&](const Figure& other) { return other.name == figure.name; });
    if (same != reference.metrics.end()) json[figure.name] = difference(figure, *same);
  }
  json["bins"] = Json::array();
  for (std::size_t b = 0; b < figures.bins.size(); ++b)
    json["bins"].push_back(difference(figures.bins[b], reference.bins[b]));
  return json;
}

double mean_macs(const ComparedArm& arm) {
  std::vector<double> macs;
  for (const ComparedTraining& training : arm.trainings) macs.push_back(training.macs);
  return mean(macs);
}

Json item_of(const ComparedArm& arm, const Figures& figures) {
  Json item = {{"arm", arm.name}, {"budget", arm.budget}, {"steps", arm.steps}};
  item["metrics"] = Json::object();
  for (const Figure& figure : figures.metrics) item["metrics"][figure.name] = summary(figure);
  item["bins"] = Json::array();
  for (const Figure& bin : figures.bins) item["bins"].push_back(summary(bin));
  item["trainings"] = Json::array();
  for (const ComparedTraining& training : arm.trainings)
    item["trainings"].push_back({{"seed", training.seed},
                                 {"run", training.run},
                                 {"checkpoint", training.checkpoint},
                                 {"macs", training.macs},
                                 {"seconds", training.seconds},
                                 {"top1", training.top1}});
  return item;
}

Json bins_of(const MeasuredComparison& all) {
  Json bins = Json::array();
  for (const ComparedBin& bin : all.bins)
    bins.push_back({{"min_macs", bin.least}, {"max_macs", bin.most}, {"archs", bin.archs}, {"macs", bin.macs}});
  return bins;
}

Json own_of(const MeasuredComparison& all) {
  std::vector<std::string> archs;
  for (const ComparedBin& bin : all.bins) archs.insert(archs.end(), bin.archs.begin(), bin.archs.end());
  Json own = Json::array();
  for (const OwnNetwork& network : all.own)
    own.push_back({{"arch", archs.at(network.place)},
                   {"place", network.place},
                   {"run", network.run},
                   {"macs", network.macs},
                   {"seconds", network.seconds},
                   {"top1", network.top1}});
  return own;
}

}  // namespace

std::int64_t steps_of_equal_cost(std::int64_t steps, double reference_macs, double macs) {
  return std::max<std::int64_t>(1, std::llround(static_cast<double>(steps) * reference_macs / macs));
}

std::vector<std::pair<std::size_t, std::size_t>> spread_over_bins(std::size_t count, std::size_t bins) {
  std::vector<std::size_t> taken(bins);
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t bin = (2 * i + 1) * bins / (2 * count);  // the middle of each of `count` equal parts
    places.emplace_back(bin, taken[bin]++);
  }
  return places;
}

double relative_hypervolume(const std::vector<double>& top1, const std::vector<std::int64_t>& macs,
                            std::int64_t dearest) {
  std::vector<double> points;  // minimised
  for (std::size_t i = 0; i < top1.size(); ++i) {
    points.push_back(1 - top1[i]);
    points.push_back(static_cast<double>(macs[i]) / static_cast<double>(dearest));
  }
  const double reference[] = {1, 1};
  return hypervolume(points, reference);
}

nlohmann::ordered_json comparison_document(const MeasuredComparison& all) {
  Json document = {{"seeds", all.seeds},
                   {"confidence", kConfidence},
                   {"hypervolume_reference", {{"top1", 0}, {"macs", all.dearest}}},
                   {"bins", bins_of(all)},
                   {"own", own_of(all)},
                   {"results", Json::array()}};
  std::map<std::string, std::pair<const ComparedArm*, Figures>> references;  // by budget
  for (const ComparedArm& arm : all.arms) {
    const Figures figures = figures_of(all, arm);
    const auto place = references.try_emplace(arm.budget, &arm, figures).first;
    const auto& [first, reference] = place->second;
    Json item = item_of(arm, figures);
    item["relative_cost"] = mean_macs(arm) / mean_macs(*first);
    if (first != &arm) item["differences"] = differences(figures, reference);
    document["results"].push_back(std::move(item));
  }
  return document;
}

}  // namespace frontier
