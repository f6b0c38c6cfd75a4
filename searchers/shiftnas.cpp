#include "searchers/shiftnas.h"

#include <algorithm>
#include <cmath>

#include "common/errors.h"

namespace frontier {
namespace {

const SearchProblem& with_policy(const SearchProblem& problem) {
  if (problem.policy == nullptr) throw no_policy_of("what is searched");
  return problem;
}

/// The upper limit of the price, and where others may keep subnets below it, what the dearest costs, within a
/// thousandth of the space's dearest: then nothing costs more.
std::int64_t wanted_cost_of(const FeasibleSet& feasible, const std::string& price) {
  constexpr std::int64_t kParts = 1000;
  const std::int64_t dearest = price == "params" ? feasible.most_params().params : feasible.most_macs().macs;
  std::int64_t wanted = dearest;
  bool are_others = false;
  for (const Limit& limit : feasible.budget().all()) {
    if (limit.price != price) are_others = true;
    if (limit.price == price && limit.at_most) wanted = std::min(wanted, *limit.at_most);
  }
  if (!are_others) return wanted;
  const std::int64_t slack = dearest / kParts;
  const Priced most = feasible.most(price, slack);
  return std::min(wanted, (price == "params" ? most.params : most.macs) + slack);
}

}  // namespace

ShiftNasSearcher::ShiftNasSearcher(const SearchProblem& problem, const ShiftNasSearcherOptions& options)
    : options_(options),
      proposals_(with_policy(problem)),
      wanted_(wanted_cost_of(*problem.feasible, problem.policy->price())) {
  set_share(options.within);
}

void ShiftNasSearcher::set_share(double share) {
  share_ = std::min(share, 1.0);
  const SearchProblem& problem = proposals_.problem();
  Budget budget = problem.feasible->budget();
  const double least = std::ceil((1 - share_) * static_cast<double>(wanted_));
  budget.limits.push_back(
      {.price = policy().price(), .at_least = static_cast<std::int64_t>(least), .at_most = wanted_});
  window_ = std::make_unique<FeasibleSet>(window_ ? *window_ : *problem.feasible, budget);
}

/// Of the window; none where it is empty.
std::optional<Architecture> ShiftNasSearcher::best(Rng* noise) const {
  return window_->try_best(policy().scores(static_cast<double>(wanted_), noise), kSlack);
}

std::optional<Architecture> ShiftNasSearcher::next(Rng& rng) {
  for (;; set_share(2 * share_)) {
    bool is_empty = false;
    for (int i = 0; i < options_.tries && !is_empty; ++i) {
      const auto arch = best(begun_ ? &rng : nullptr);
      is_empty = !arch;
      begun_ = begun_ || !is_empty;
      if (arch && proposals_.accept(*arch)) return arch;
    }
    if (share_ == 1) return proposals_.draw(rng);
  }
}

std::vector<Architecture> ShiftNasSearcher::ask(std::size_t n, Rng& rng) {
  return Proposals::collect(n, [&] { return next(rng); });
}

nlohmann::json ShiftNasSearcher::save() const {
  nlohmann::json state = begin_state("shiftnas", proposals_);
  state["share"] = share_;
  state["begun"] = begun_;
  return state;
}

void ShiftNasSearcher::load(const nlohmann::json& state) {
  double share = 0;
  bool begun = false;
  load_state(state, "shiftnas", proposals_, [&](const nlohmann::json& json) {
    share = json.at("share").get<double>();
    begun = json.at("begun").get<bool>();
    if (!(share > 0 && share <= 1)) throw UsageError("share = " + json.at("share").dump() + "; allowed: above 0, to 1");
  });
  set_share(share);
  begun_ = begun;
}

}  // namespace frontier
