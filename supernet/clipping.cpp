#include "supernet/clipping.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "common/errors.h"
#include "supernet/internal/region_runs.h"
#include "supernet/update.h"

namespace frontier {
namespace {

using internal::for_each_run;

bool is_fast(const ParameterStore& store) { return store.device().is_cpu() && store.type() == at::kFloat; }

std::vector<Region> touched_of(const ParameterStore& store, const GroupSpan& group) {
  std::vector<Region> regions;
  for (const Region& region : store.touched()) {
    const auto offset = store.parameters()[region.parameter].offset;
    if (offset >= group.begin && offset < group.end) regions.push_back(region);
  }
  return regions;
}

bool is_excepted(const std::string& name, const std::vector<std::string>& except) {
  return std::any_of(except.begin(), except.end(),
                     [&](const std::string& layer) { return name == layer || name.starts_with(layer + "."); });
}

/// Scalars and vectors are one unit.
bool has_units(const Parameter& p) {
  return std::count_if(p.shape.begin(), p.shape.end(), [](std::int64_t size) { return size > 1; }) > 1;
}

void clip_units(const ParameterStore& store, const Region& region, const ClipOptions& options) {
  const Parameter& p = store.parameters()[region.parameter];
  const float* w = store.values().const_data_ptr<float>();
  float* g = store.gradients().data_ptr<float>();
  const std::int64_t units = has_units(p) ? region.size[0] : 1;
  for (std::int64_t u = 0; u < units; ++u) {
    Region unit = region;
    if (has_units(p)) {
      unit.begin[0] += u;
      unit.size[0] = 1;
    }
    double weight = 0, gradient = 0;
    for_each_run(p, unit, [&](std::int64_t offset, std::int64_t length) {
      weight += update::square_sum(w + offset, length);
      gradient += update::square_sum(g + offset, length);
    });
    const double limit = options.adaptive * std::max(std::sqrt(weight), options.adaptive_floor);
    if (!(std::sqrt(gradient) > limit)) continue;
    const auto factor = static_cast<float>(limit / std::sqrt(gradient));
    for_each_run(p, unit,
                 [&](std::int64_t offset, std::int64_t length) { update::multiply(g + offset, length, factor); });
  }
}

void clip_units_aten(const ParameterStore& store, const Region& region, const ClipOptions& options) {
  const Parameter& p = store.parameters()[region.parameter];
  const at::Tensor w = store.layout().view(store.values(), region);
  const at::Tensor g = store.layout().view(store.gradients(), region);
  std::vector<std::int64_t> dims(p.shape.size());
  std::iota(dims.begin(), dims.end(), 0);
  if (has_units(p)) dims.erase(dims.begin());
  const at::Tensor gradient = at::linalg_vector_norm(g, 2, dims, /*keepdim=*/true);
  const at::Tensor limit =
      options.adaptive * at::linalg_vector_norm(w, 2, dims, /*keepdim=*/true).clamp_min(options.adaptive_floor);
  g.mul_(at::where(gradient > limit, limit / gradient, at::ones_like(gradient)));
}

void clip_adaptively(const ParameterStore& store, std::vector<Region> regions, const ClipOptions& options) {
  std::erase_if(regions, [&](const Region& region) {
    return is_excepted(store.parameters()[region.parameter].name, options.adaptive_except);
  });
  if (!is_fast(store)) {
    for (const Region& region : regions) clip_units_aten(store, region, options);
    return;
  }
  at::parallel_for(0, static_cast<std::int64_t>(regions.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) clip_units(store, regions[static_cast<std::size_t>(i)], options);
  });
}

/// Added up in an order that does not depend on the number of threads.
double norm_of(const ParameterStore& store, const std::vector<Region>& regions) {
  const float* g = store.gradients().const_data_ptr<float>();
  std::vector<double> sums(regions.size(), 0);
  at::parallel_for(0, static_cast<std::int64_t>(regions.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
      for_each_run(store.parameters()[regions[i].parameter], regions[i], [&](std::int64_t offset, std::int64_t length) {
        sums[i] += update::square_sum(g + offset, length);
      });
  });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

/// min(1, limit / norm), NaN for a norm that is not finite.
at::Tensor scale_for(const at::Tensor& norm, double limit) {
  const at::Tensor scale = limit > 0 ? (limit / norm).clamp_max(1) : at::ones_like(norm);
  return scale.masked_fill(norm.isfinite().logical_not(), std::numeric_limits<double>::quiet_NaN()).to(at::kFloat);
}

}  // namespace

void require_consistent(const ClipOptions& options) {
  const ClipOptions standard;
  if (options.adaptive > 0) return;
  for (const auto& [name, set] : {std::pair("adaptive_floor", options.adaptive_floor != standard.adaptive_floor),
                                  std::pair("adaptive_except", options.adaptive_except != standard.adaptive_except)})
    if (set)
      throw UsageError(std::string("clipping with ") + name +
                       " but adaptive = 0 has no effect; set adaptive, e.g. 0.01");
}

GradientNorm clip_gradients(ParameterStore& store, const ClipOptions& options, const std::string& group) {
  at::NoGradGuard no_grad;
  const GroupSpan span = store.layout().group(group);
  const std::vector<Region> regions = touched_of(store, span);
  if (options.adaptive > 0) clip_adaptively(store, regions, options);
  // What was not touched is zero, so elsewhere one norm over the whole group takes fewer launches.
  const at::Tensor norm =
      is_fast(store) ? at::full({}, norm_of(store, regions), at::kDouble)
                     : at::linalg_vector_norm(store.gradients().slice(0, span.begin, span.end)).to(at::kDouble);
  return {norm, scale_for(norm, options.norm)};
}

}  // namespace frontier
