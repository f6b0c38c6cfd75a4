#include "supernet/parameter_store.h"

#include <torch/csrc/autograd/functions/utils.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "common/errors.h"
#include "common/text.h"
#include "supernet/internal/region_runs.h"

namespace frontier {
namespace {

std::vector<std::int64_t> row_major(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t d = shape.size(); d-- > 1;) strides[d - 1] = strides[d] * shape[d];
  return strides;
}

/// Whether the strides put the dimensions behind each other in some order, without gaps.
bool is_dense(const Parameter& p) {
  if (p.strides.size() != p.shape.size()) return false;
  std::vector<std::size_t> order;
  for (std::size_t d = 0; d < p.shape.size(); ++d)
    if (p.shape[d] > 1) order.push_back(d);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p.strides[a] < p.strides[b]; });
  std::int64_t numel = 1;
  for (const auto d : order) {
    if (p.strides[d] != numel) return false;
    numel *= p.shape[d];
  }
  return true;
}

/// Checks a parameter and gives it its numel and, where it has none, strides.
void complete(Parameter& p) {
  const std::vector<std::string> initializers = {"zero",      "one",        "normal",        "uniform",
                                                 "he_normal", "he_uniform", "xavier_normal", "xavier_uniform"};
  if (std::find(initializers.begin(), initializers.end(), p.initializer.name) == initializers.end())
    throw UsageError(unknown_name("initialiser", p.initializer.name, initializers));
  p.numel = 1;
  for (const auto size : p.shape) {
    if (size < 1) throw std::logic_error("parameter '" + p.name + "' has a dimension of " + std::to_string(size));
    p.numel *= size;
  }
  if (p.shape.size() > kMaxRank)
    throw std::logic_error("parameter '" + p.name + "' has " + std::to_string(p.shape.size()) +
                           " dimensions; stores hold up to " + std::to_string(kMaxRank));
  if (p.strides.empty()) p.strides = row_major(p.shape);
  if (!is_dense(p)) throw std::logic_error("the strides of parameter '" + p.name + "' do not fit its shape");
}

struct Fans {
  double in = 1, out = 1;
};

Fans fans(const std::vector<std::int64_t>& shape) {
  double field = 1;
  for (std::size_t d = 2; d < shape.size(); ++d) field *= static_cast<double>(shape[d]);
  const std::int64_t out = shape.empty() ? 1 : shape[0], in = shape.size() < 2 ? 1 : shape[1];
  const bool depthwise = shape.size() > 2 && in == 1;
  return {field * static_cast<double>(in), field * static_cast<double>(depthwise ? 1 : out)};
}

/// Standard deviation of the draws.
double deviation(const Parameter& p) {
  const Fans f = fans(p.shape);
  const std::string& name = p.initializer.name;
  if (name == "he_normal" || name == "he_uniform") return p.initializer.scale * std::sqrt(2.0 / f.out);
  if (name == "xavier_normal" || name == "xavier_uniform") return p.initializer.scale * std::sqrt(2.0 / (f.in + f.out));
  if (name == "uniform") return p.initializer.scale / std::sqrt(3.0);
  return p.initializer.scale;
}

template <class Scalar>
void fill(const Parameter& p, Rng draws, Scalar* values) {
  const std::string& name = p.initializer.name;
  if (name == "zero" || name == "one") {
    std::fill_n(values, p.numel, name == "one" ? Scalar{1} : Scalar{0});
    return;
  }
  const double sigma = deviation(p), half = std::sqrt(3.0) * sigma;
  const bool normal = name.ends_with("normal");
  for (std::int64_t k = 0; k < p.numel; ++k)
    values[k] = static_cast<Scalar>(normal ? sigma * draws.normal() : half * (2 * draws.uniform() - 1));
}

}  // namespace

ParameterLayout::ParameterLayout(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
  std::unordered_map<std::string, std::size_t> order;
  for (const auto& p : parameters_) order.emplace(p.group, order.size());
  std::stable_sort(parameters_.begin(), parameters_.end(), [&](const Parameter& a, const Parameter& b) {
    return std::pair(order.at(a.group), !a.decays) < std::pair(order.at(b.group), !b.decays);
  });
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    Parameter& p = parameters_[i];
    if (!index_.emplace(p.name, i).second) throw std::logic_error("two parameters are named '" + p.name + "'");
    complete(p);
    p.offset = num_scalars_;
    num_scalars_ += p.numel;
    if (groups_.empty() || groups_.back().name != p.group) groups_.push_back({p.group, p.offset, p.offset, p.offset});
    groups_.back().end = num_scalars_;
    if (p.decays) groups_.back().decayed_end = num_scalars_;
  }
}

GroupSpan ParameterLayout::group(const std::string& name) const {
  if (name.empty() && groups_.size() <= 1) return groups_.empty() ? GroupSpan{} : groups_.front();
  std::vector<std::string> names;
  for (const auto& group : groups_) {
    if (group.name == name) return group;
    names.push_back(group.name);
  }
  throw std::logic_error("there is no group of parameters '" + name + "', only: " + join(names));
}

std::size_t ParameterLayout::index(const std::string& name) const {
  const auto it = index_.find(name);
  if (it == index_.end()) throw std::logic_error("there is no parameter '" + name + "'");
  return it->second;
}

Region ParameterLayout::whole(std::size_t parameter) const {
  Region region{.parameter = parameter};
  std::copy(parameters_[parameter].shape.begin(), parameters_[parameter].shape.end(), region.size.begin());
  return region;
}

Region ParameterLayout::region(std::size_t parameter, at::IntArrayRef shape) const {
  const Parameter& p = parameters_[parameter];
  bool fits = shape.size() == p.shape.size();
  Region region{.parameter = parameter};
  for (std::size_t d = 0; fits && d < shape.size(); ++d) {
    fits = shape[d] <= p.shape[d] && shape[d] > 0;
    region.size[d] = shape[d];
    if (d + p.num_centred >= shape.size()) region.begin[d] = (p.shape[d] - shape[d]) / 2;
  }
  if (!fits) throw std::logic_error("parameter '" + p.name + "' has no slice of the shape asked for");
  return region;
}

at::Tensor ParameterLayout::view(const at::Tensor& flat, const Region& region) const {
  const Parameter& p = parameters_[region.parameter];
  return flat.as_strided(at::IntArrayRef(region.size.data(), p.shape.size()), p.strides,
                         internal::region_offset(p, region));
}

TensorMap ParameterLayout::tensors(const at::Tensor& flat) const {
  TensorMap result;
  for (std::size_t i = 0; i < parameters_.size(); ++i)
    result.emplace(parameters_[i].name, view(flat, whole(i)).contiguous());
  return result;
}

bool ParameterLayout::operator==(const ParameterLayout& other) const {
  const auto same_place = [](const Parameter& a, const Parameter& b) {
    return a.name == b.name && a.shape == b.shape && a.strides == b.strides && a.offset == b.offset;
  };
  return std::equal(parameters_.begin(), parameters_.end(), other.parameters_.begin(), other.parameters_.end(),
                    same_place);
}

ParameterStore::ParameterStore(std::shared_ptr<const ParameterLayout> layout, at::Tensor values)
    : layout_(std::move(layout)), values_(std::move(values)), touched_index_(layout_->parameters().size(), -1) {}

ParameterStore::ParameterStore(std::shared_ptr<const ParameterLayout> layout, at::ScalarType type)
    : ParameterStore(layout, at::zeros({layout->num_scalars()}, type)) {
  if (type != at::kFloat && type != at::kDouble)
    throw std::logic_error(std::string("parameters are float32 or float64, not ") + c10::toString(type));
}

ParameterStore::ParameterStore(std::vector<Parameter> parameters, const Rng& rng, at::ScalarType type)
    : ParameterStore(std::make_shared<const ParameterLayout>(std::move(parameters)), type) {
  initialize(rng);
}

void ParameterStore::initialize(const Rng& rng) {
  for (std::size_t i = 0; i < parameters().size(); ++i) {
    const Parameter& p = parameters()[i];
    if (type() == at::kDouble)
      fill(p, rng.split(i), values_.data_ptr<double>() + p.offset);
    else
      fill(p, rng.split(i), values_.data_ptr<float>() + p.offset);
  }
}

at::Tensor ParameterStore::view(const at::Tensor& flat, const std::string& name) const {
  return layout_->view(flat, layout_->whole(layout_->index(name)));
}

const at::Tensor& ParameterStore::gradients() const {
  if (!gradients_.defined()) gradients_ = at::zeros_like(values_);
  return gradients_;
}

void ParameterStore::add_gradient(const Region& region, const at::Tensor& gradient) const {
  at::NoGradGuard no_grad;
  touch(region);
  layout_->view(gradients(), region).add_(gradient);
}

void ParameterStore::touch(const Region& region) const {
  std::int32_t& place = touched_index_[region.parameter];
  if (place < 0) {
    place = static_cast<std::int32_t>(touched_.size());
    touched_.push_back(region);
    return;
  }
  Region& box = touched_[static_cast<std::size_t>(place)];
  for (std::size_t d = 0; d < kMaxRank; ++d) {
    const std::int64_t end = std::max(box.begin[d] + box.size[d], region.begin[d] + region.size[d]);
    box.begin[d] = std::min(box.begin[d], region.begin[d]);
    box.size[d] = end - box.begin[d];
  }
}

void ParameterStore::clear_gradients() const {
  if (gradients_.defined() && gradients_.is_cpu()) {
    const std::size_t size = gradients_.element_size();
    auto* data = static_cast<char*>(gradients_.data_ptr());
    for (const Region& region : touched_)
      internal::for_each_run(parameters()[region.parameter], region, [&](std::int64_t offset, std::int64_t length) {
        std::memset(data + static_cast<std::size_t>(offset) * size, 0, static_cast<std::size_t>(length) * size);
      });
  } else if (gradients_.defined()) {
    gradients_.zero_();  // one launch instead of one a region
  }
  for (const Region& region : touched_) touched_index_[region.parameter] = -1;
  touched_.clear();
}

ParameterStore ParameterStore::snapshot(const std::string& group) const {
  const GroupSpan span = layout_->group(group);
  if (groups().size() <= 1) return snapshot();
  std::vector<Parameter> own;
  for (const auto& p : parameters())
    if (p.group == span.name) own.push_back(p);
  return ParameterStore(std::make_shared<const ParameterLayout>(std::move(own)),
                        values_.slice(0, span.begin, span.end).clone());
}

void ParameterStore::copy_from(const ParameterStore& other) {
  if (layout_ != other.layout_ && !(*layout_ == *other.layout_))
    throw std::logic_error("the values of a store are copied to one of another layout");
  values_.copy_(other.values_);
}

void ParameterStore::to(at::Device device) {
  values_ = values_.to(device);
  if (gradients_.defined()) gradients_ = gradients_.to(device);
}

void ParameterStore::load(const TensorMap& tensors, std::string_view what) {
  at::NoGradGuard no_grad;
  const std::string whose = "the " + std::string(what);
  for (const auto& p : parameters()) {
    const auto it = tensors.find(p.name);
    if (it == tensors.end())
      throw UsageError(whose + " lack parameter '" + p.name + "'; they belong to another space or version");
    if (it->second.sizes() != at::IntArrayRef(p.shape) || it->second.scalar_type() != type())
      throw UsageError(whose + " of '" + p.name + "' have another shape or type than this space needs");
  }
  for (const auto& [name, tensor] : tensors)
    if (!contains(name))
      throw UsageError(whose + " hold parameter '" + printable(name) + "', which this space does not know");
  for (const auto& p : parameters()) value(p.name).copy_(tensors.at(p.name));
}

namespace {

/// The end of a backward pass at a region: what reaches it goes to the store. A leaf of autograd would keep gradients
/// of its own, to be copied once more.
class RegionGradient : public torch::autograd::Node {
 public:
  RegionGradient(const ParameterStore& store, const Region& region) : store_(store), region_(region) {}
  std::string name() const override { return "RegionGradient"; }

 private:
  torch::autograd::variable_list apply(torch::autograd::variable_list&& gradients) override {
    if (gradients[0].defined()) store_.add_gradient(region_, gradients[0].detach());
    return {};
  }
  const ParameterStore& store_;
  Region region_;
};

}  // namespace

at::Tensor learned(const ParameterStore& store, const Region& region) {
  at::Tensor values = store.layout().view(store.values(), region).detach();
  torch::autograd::set_history(values, std::make_shared<RegionGradient>(store, region));
  return values;
}

at::Tensor learned(const ParameterStore& store, const std::string& name) {
  return learned(store, store.layout().whole(store.layout().index(name)));
}

}  // namespace frontier
