#include "evaluators/tabular.h"

#include "common/errors.h"

namespace frontier {

TabularBenchmark::TabularBenchmark(std::shared_ptr<const SearchSpace> space, std::string name, std::vector<Row> rows)
    : space_(std::move(space)), name_(std::move(name)) {
  rows_.reserve(rows.size());
  index_.reserve(rows.size());
  for (Row& row : rows) {
    row.arch = space_->canonical(row.arch);
    if (index_.try_emplace(row.arch, rows_.size()).second) rows_.push_back(std::move(row));
  }
}

std::optional<std::size_t> TabularBenchmark::find(const Architecture& canonical) const {
  const auto found = index_.find(canonical);
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

std::size_t TabularBenchmark::at(const Architecture& canonical) const {
  if (const auto row = find(canonical)) return *row;
  throw UsageError("the benchmark (" + name_ + ") has no value for " + space_->to_string(canonical) + "; it holds " +
                   std::to_string(rows_.size()) + " architectures of '" + space_->name() + "'");
}

std::vector<Measurement> TabularBenchmark::evaluate(std::span<const Architecture> archs) {
  std::vector<Measurement> results;
  results.reserve(archs.size());
  for (const auto& arch : archs) results.push_back(rows_[at(space_->canonical(arch))].measurement);
  return results;
}

std::vector<std::string> TabularBenchmark::metrics() const {
  std::vector<std::string> names;
  if (rows_.empty()) return names;
  for (const auto& [name, value] : rows_.front().measurement.metrics) names.push_back(name);
  for (const Row& row : rows_)
    std::erase_if(names, [&](const std::string& name) { return !row.measurement.metrics.contains(name); });
  return names;
}

}  // namespace frontier
