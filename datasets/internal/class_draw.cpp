#include "datasets/internal/class_draw.h"

#include <algorithm>
#include <string>

#include "common/errors.h"

namespace frontier {
namespace {

/// How many of `total` each class gives so that they are `wanted` in all: its share, rounded by largest remainders.
std::vector<std::int64_t> quotas(const RankedImages& members, std::int64_t wanted, std::int64_t total) {
  std::vector<std::int64_t> quota(members.size());
  std::vector<std::pair<std::int64_t, std::size_t>> remainders;
  std::int64_t given = 0;
  for (std::size_t c = 0; c < members.size(); ++c) {
    const std::int64_t share = static_cast<std::int64_t>(members[c].size()) * wanted;  // in units of 1 / total
    quota[c] = share / total;
    given += quota[c];
    remainders.emplace_back(-(share % total), c);
  }
  std::sort(remainders.begin(), remainders.end());
  const auto has_others = [&](const auto& r) { return quota[r.second] + 1 < std::ssize(members[r.second]); };
  std::stable_partition(remainders.begin(), remainders.end(), has_others);  // a class's last image is given last
  for (std::size_t i = 0; given < wanted; ++i, ++given) ++quota[remainders[i].second];
  return quota;
}

}  // namespace

RankedImages rank_by_class(const PixelSource& source, const at::Tensor& labels, int classes, Rng rng) {
  const std::uint64_t key = rng.next();
  const at::Tensor dense = labels.contiguous();
  const std::int64_t* label = dense.const_data_ptr<std::int64_t>();
  RankedImages members(static_cast<std::size_t>(classes));
  std::vector<std::uint8_t> buffer;
  for (std::int64_t i = 0; i < dense.size(0); ++i)
    members[static_cast<std::size_t>(label[i])].push_back(
        {hash_bytes(source.identity(i, buffer), key ^ static_cast<std::uint64_t>(label[i])), i});
  for (auto& ranked : members) std::sort(ranked.begin(), ranked.end());
  return members;
}

std::vector<Ranked> take(RankedImages& members, const std::vector<std::int64_t>& quota) {
  std::vector<Ranked> taken;
  for (std::size_t c = 0; c < members.size(); ++c) {
    taken.insert(taken.end(), members[c].begin(), members[c].begin() + quota[c]);
    members[c].erase(members[c].begin(), members[c].begin() + quota[c]);
  }
  std::sort(taken.begin(), taken.end());
  return taken;
}

std::vector<Ranked> take(RankedImages& members, std::int64_t wanted) {
  std::int64_t total = 0;
  for (const auto& ranked : members) total += std::ssize(ranked);
  return take(members, quotas(members, wanted, total));
}

std::vector<std::int64_t> indices_of(std::span<const Ranked> ranked) {
  std::vector<std::int64_t> indices;
  for (const Ranked& r : ranked) indices.push_back(r.index);
  return indices;
}

std::int64_t within(const char* key, std::int64_t value, std::int64_t most, const char* of_what) {
  if (value >= 1 && value <= most) return value;
  throw UsageError(std::string(key) + " = " + std::to_string(value) + " is out of range; allowed: 1 to " +
                   std::to_string(most) + " (" + of_what + ")");
}

}  // namespace frontier
