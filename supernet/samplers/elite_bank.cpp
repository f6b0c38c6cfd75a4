#include "supernet/samplers/elite_bank.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"
#include "common/weighted_draw.h"

namespace frontier {
namespace {

bool is_worse(const EliteBank::Entry& a, const EliteBank::Entry& b) { return a.score < b.score; }

}  // namespace

void EliteBank::add(const Architecture& arch, double score) {
  const auto known =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.arch == arch; });
  if (known != entries_.end()) {
    known->score = std::max(known->score, score);
  } else if (entries_.size() < capacity_) {
    entries_.push_back({arch, score});
  } else if (const auto worst = std::min_element(entries_.begin(), entries_.end(), is_worse); score > worst->score) {
    *worst = {arch, score};
  }
}

const EliteBank::Entry& EliteBank::best() const {
  return *std::max_element(entries_.begin(), entries_.end(), is_worse);
}

const Architecture& EliteBank::draw(Rng& rng) const {
  const double greatest = best().score;
  std::vector<double> weights;
  for (const Entry& entry : entries_) weights.push_back(std::exp(entry.score - greatest));
  return entries_[draw_weighted(weights, rng)].arch;
}

double EliteBank::mean_score() const {
  double sum = 0;
  for (const Entry& entry : entries_) sum += entry.score / static_cast<double>(entries_.size());
  return sum;
}

nlohmann::json EliteBank::to_json() const {
  auto json = nlohmann::json::array();
  for (const Entry& entry : entries_) json.push_back({entry.arch.choices, entry.score});
  return json;
}

void EliteBank::load(const nlohmann::json& json, std::span<const Decision> decisions) {
  const auto refuse = [](const std::string& what) { throw UsageError("the checkpoint's bank of subnets " + what); };
  if (!json.is_array()) refuse("is no list");
  if (json.size() > capacity_) refuse("holds more than " + std::to_string(capacity_));
  std::vector<Entry> entries;
  for (const nlohmann::json& pair : json) {
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_array() || pair[0].size() != decisions.size() ||
        !pair[1].is_number())
      refuse("is not of lists of " + std::to_string(decisions.size()) + " choices, each with a score");
    Entry entry{.arch = {}, .score = pair[1].get<double>()};
    for (std::size_t d = 0; d < decisions.size(); ++d) {
      const nlohmann::json& choice = pair[0][d];
      if (!choice.is_number_unsigned() || choice.get<std::uint64_t>() >= decisions[d].options.size())
        refuse("chooses an option that '" + decisions[d].name + "' does not have");
      entry.arch.choices.push_back(choice.get<std::uint16_t>());
    }
    entries.push_back(std::move(entry));
  }
  entries_ = std::move(entries);
}

}  // namespace frontier
