#include "jobs/stored_evaluator.h"

#include "common/errors.h"

namespace frontier {

StoredEvaluator::StoredEvaluator(SupernetSession& session, const SearchSpace& space, const CostTable& table,
                                 RunResults& results, Observer& observer)
    : session_(session), space_(space), table_(table), results_(results), observer_(observer) {}

std::vector<Measurement> StoredEvaluator::evaluate(const std::string& split, std::span<const Architecture> archs,
                                                   const std::function<void(std::size_t)>& measured) {
  results_.commit();  // of the last time
  session_.keep_statistics(true);
  auto results = measure(split, archs, [&](std::size_t done) {
    record();
    if (done < archs.size()) results_.commit();
    if (measured) measured(done);
  });
  session_.keep_statistics(false);
  record();  // what was reused, where nothing was measured
  return results;
}

std::vector<Measurement> StoredEvaluator::measure(const std::string& split, std::span<const Architecture> archs,
                                                  const std::function<void(std::size_t)>& measured) {
  const MeasuredHow how = session_.how(split);
  // Evaluating draws nothing at random, so the seed of the protocol is 0.
  const Protocol protocol{.evaluator = "supernet",
                          .checkpoint = session_.fingerprint(),
                          .dataset = how.dataset,
                          .split = split,
                          .fidelity = how.fidelity,
                          .calibration = how.calibration,
                          .seed = 0};
  const std::string built_for = to_string(session_.input());
  std::vector<std::string> keys;
  for (const auto& arch : archs) keys.push_back(space_.to_string(arch));
  const auto stored = results_.store().find_many(space_.name(), built_for, keys, protocol);
  std::vector<Measurement> results(archs.size());
  std::vector<Architecture> missing;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < archs.size(); ++i) {
    if (stored[i]) {
      results[i] = {stored[i]->metrics, stored[i]->seconds};
      reused_.push_back(stored[i]->id);
    } else {
      missing.push_back(archs[i]);
      places.push_back(i);
    }
  }
  if (missing.empty()) return results;
  const auto check = [&] {
    if (observer_.should_stop())
      throw Interrupted(
          "stopped while evaluating; what was measured before is stored, and the same command (a search: with "
          "--resume) goes on from there");
  };
  std::size_t done = archs.size() - missing.size();
  session_.evaluate(split, missing, check, [&](std::span<const std::size_t> group, std::span<const Measurement> found) {
    for (std::size_t k = 0; k < group.size(); ++k) {
      const Architecture& arch = missing[group[k]];
      const std::size_t i = places[group[k]];
      results[i] = found[k];
      fresh_.push_back({.architecture = {.space = space_.name(),
                                         .canonical = keys[i],
                                         .built_for = built_for,
                                         .arch = keys[i],
                                         .macs = table_.macs(arch),
                                         .params = table_.params(arch)},
                        .protocol = protocol,
                        .metrics = found[k].metrics,
                        .seconds = found[k].seconds,
                        .statistics = found[k].statistics});
    }
    done += group.size();
    if (measured) measured(done);
  });
  return results;
}

void StoredEvaluator::record() {
  for (Evaluation& evaluation : fresh_) results_.add(std::move(evaluation));
  results_.link(reused_);
  fresh_.clear();
  reused_.clear();
}

}  // namespace frontier
