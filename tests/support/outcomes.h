#pragma once

#include <torch/types.h>

#include <vector>

#include "supernet/samplers/sampler.h"

namespace frontier::testing_support {

/// Outcomes of so many subnets with these losses, with and without what makes training harder.
inline std::vector<Outcome> outcomes_of(const std::vector<float>& losses) {
  std::vector<Outcome> outcomes;
  for (const float number : losses) {
    const at::Tensor loss = at::tensor(number).squeeze();
    outcomes.push_back({loss, [loss] { return loss; }, 0});
  }
  return outcomes;
}

/// The options of a selection that takes one of every decision, gated or not.
inline Architecture chosen_by(const Candidate& subnet) {
  Architecture arch;
  for (const SelectedOptions& selected : subnet.selection.decisions()) arch.choices.push_back(selected.options.front());
  return arch;
}

}  // namespace frontier::testing_support
