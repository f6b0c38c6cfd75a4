#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "evaluators/evaluator.h"
#include "search_spaces/search_space.h"

namespace frontier {

/// A published benchmark in place of training: answers from rows in memory. Its metrics are the table's, its seconds
/// what the table says the training took. The table may be partial; rows come from whoever reads it, so this knows no
/// database. Immutable; thread-safety: const (evaluate() changes nothing).
class TabularBenchmark final : public Evaluator {
 public:
  struct Row {
    Architecture arch;
    Measurement measurement;
  };

  /// @param name for messages, e.g. "cifar10, test split, 200 epochs".  @param rows made canonical here; of equal ones
  /// the first stays.
  TabularBenchmark(std::shared_ptr<const SearchSpace> space, std::string name, std::vector<Row> rows);

  /// @throws UsageError naming the architecture that the table lacks.
  std::vector<Measurement> evaluate(std::span<const Architecture> archs) override;

  const std::string& name() const { return name_; }
  const SearchSpace& space() const { return *space_; }
  /// In the order given, those of equal architectures but the first left out.
  std::span<const Row> rows() const { return rows_; }
  /// Index of the row of a canonical architecture; none where the table lacks it.
  std::optional<std::size_t> find(const Architecture& canonical) const;
  /// The same. @throws UsageError
  std::size_t at(const Architecture& canonical) const;
  /// Metrics that every row has, by name.
  std::vector<std::string> metrics() const;

 private:
  std::shared_ptr<const SearchSpace> space_;
  std::string name_;
  std::vector<Row> rows_;
  std::unordered_map<Architecture, std::size_t> index_;
};

}  // namespace frontier
