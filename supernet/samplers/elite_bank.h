#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "common/rng.h"
#include "search_spaces/architecture.h"

namespace frontier {

/// The best subnets seen so far, by a score (greater is better), each once. Thread-safety: const.
class EliteBank {
 public:
  struct Entry {
    Architecture arch;
    double score = 0;
  };
  explicit EliteBank(std::size_t capacity) : capacity_(capacity) {}

  const std::vector<Entry>& entries() const { return entries_; }
  std::size_t capacity() const { return capacity_; }
  /// A subnet that is there keeps the better of its scores; a new one fills a free place or takes that of the worst, if
  /// it is strictly better.
  void add(const Architecture& arch, double score);
  /// In place of the score of entry `i`.
  void rescore(std::size_t i, double score) { entries_.at(i).score = score; }
  /// The bank must not be empty.
  const Entry& best() const;
  /// One of the entries with probability softmax(scores). The bank must not be empty.
  const Architecture& draw(Rng& rng) const;
  double mean_score() const;  ///< 0 of an empty bank

  nlohmann::json to_json() const;
  /// @throws UsageError if that is no bank of so many decisions with at most so many entries.
  void load(const nlohmann::json& json, std::span<const Decision> decisions);

 private:
  std::size_t capacity_;
  std::vector<Entry> entries_;
};

}  // namespace frontier
