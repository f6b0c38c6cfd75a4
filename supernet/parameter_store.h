#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/rng.h"
#include "supernet/tensor_map.h"

namespace frontier {

/// What a parameter starts from. The fans of a [out, in, ...] shape are in and out times the sizes behind them, the
/// fan-out of a depthwise convolution (one input channel a group) those sizes alone.
struct Initializer {
  /// "zero", "one"; "normal" N(0, scale^2), "uniform" U(-scale, scale); over the fans, times scale: "he_normal" and
  /// "he_uniform" (fan-out; He et al., arXiv 1502.01852), "xavier_normal" and "xavier_uniform" (both fans; Glorot and
  /// Bengio, AISTATS 2010)
  std::string name = "zero";
  double scale = 1;
};

/// One parameter. Offset and numel are the layout's to fill in, and the strides where none are given.
struct Parameter {
  std::string name;
  std::vector<std::int64_t> shape;         ///< up to kMaxRank dimensions
  std::vector<std::int64_t> strides = {};  ///< any order of the dimensions without gaps; empty: row-major
  std::int64_t offset = 0;                 ///< in the flat buffers
  std::int64_t numel = 0;
  std::size_t num_centred = 0;  ///< so many last dimensions are cut around their centre: kernels, offsets
  bool decays = false;          ///< whether weight decay acts on it
  std::string group = "weights";
  Initializer initializer = {};
};

constexpr std::size_t kMaxRank = 4;

/// A box of one parameter: what a slice covers.
struct Region {
  std::size_t parameter = 0;  ///< index in the layout
  std::array<std::int64_t, kMaxRank> begin{};
  std::array<std::int64_t, kMaxRank> size{1, 1, 1, 1};  ///< 1 behind the parameter's last dimension
  bool operator==(const Region&) const = default;
};

/// Scalars [begin, end) of the flat buffers; weight decay acts on those before decayed_end.
struct GroupSpan {
  std::string name;
  std::int64_t begin = 0, decayed_end = 0, end = 0;
  bool operator==(const GroupSpan&) const = default;
};

/// Where the parameters of a store lie: one group behind the other, in each those with weight decay first. Immutable,
/// so stores share it. Thread-safety: const.
class ParameterLayout {
 public:
  /// Groups keep the order of their first parameters. @throws std::logic_error if two share a name or one has an
  /// unusable shape or strides; UsageError for an unknown initialiser.
  explicit ParameterLayout(std::vector<Parameter> parameters);

  const std::vector<Parameter>& parameters() const { return parameters_; }
  const std::vector<GroupSpan>& groups() const { return groups_; }
  /// That group; of the empty name all scalars, if there is but one group. @throws std::logic_error naming the groups.
  GroupSpan group(const std::string& name) const;
  std::int64_t num_scalars() const { return num_scalars_; }
  bool contains(const std::string& name) const { return index_.contains(name); }
  /// @throws std::logic_error if there is no such parameter.
  std::size_t index(const std::string& name) const;

  Region whole(std::size_t parameter) const;
  /// The first channels, heads and tokens, the centre of centred dimensions. @throws std::logic_error if the parameter
  /// is smaller.
  Region region(std::size_t parameter, at::IntArrayRef shape) const;
  /// The region of a flat buffer as a view of the parameter's rank.
  at::Tensor view(const at::Tensor& flat, const Region& region) const;
  /// Every parameter of a flat buffer by name, contiguous; may share its memory.
  TensorMap tensors(const at::Tensor& flat) const;

  /// Whether the same parameters lie at the same places.
  bool operator==(const ParameterLayout& other) const;

 private:
  std::vector<Parameter> parameters_;
  std::vector<GroupSpan> groups_;
  std::unordered_map<std::string, std::size_t> index_;
  std::int64_t num_scalars_ = 0;
};

/// Parameters and their gradients, each in one flat buffer, over a layout that snapshots share. A supernet's weights
/// are one (WeightBank), and so are the parameters of a sampler, a generator or a predictor. Slices are views.
///
/// Gradients outside touched() are zero, which is what makes norms, clipping and clearing cost no more than the slices
/// that a step used: whoever writes a gradient uses add_gradient(), or touch() before. The buffer of gradients is made
/// when it is first asked for. Gradients are notes beside the values, so a store that is const has them, too. Moved,
/// not copied: snapshot() copies. Thread-safety: none.
class ParameterStore {
 public:
  /// @param type float32 or float64.  All values 0.
  explicit ParameterStore(std::shared_ptr<const ParameterLayout> layout, at::ScalarType type = at::kFloat);
  /// By each parameter's initialiser; parameter i of the layout draws from rng.split(i).
  ParameterStore(std::vector<Parameter> parameters, const Rng& rng, at::ScalarType type = at::kFloat);

  ParameterStore(ParameterStore&&) = default;
  ParameterStore& operator=(ParameterStore&&) = default;
  ParameterStore& operator=(const ParameterStore&) = delete;

  const ParameterLayout& layout() const { return *layout_; }
  const std::vector<Parameter>& parameters() const { return layout_->parameters(); }
  const std::vector<GroupSpan>& groups() const { return layout_->groups(); }
  bool contains(const std::string& name) const { return layout_->contains(name); }
  std::int64_t num_scalars() const { return layout_->num_scalars(); }
  at::ScalarType type() const { return values_.scalar_type(); }
  at::Device device() const { return values_.device(); }

  const at::Tensor& values() const { return values_; }  ///< [num_scalars], no autograd, as all views of it
  const at::Tensor& gradients() const;                  ///< [num_scalars]
  at::Tensor value(const std::string& name) const { return view(values_, name); }
  at::Tensor gradient(const std::string& name) const { return view(gradients(), name); }

  /// A view of the slice, see ParameterLayout::region. @throws std::logic_error if there is no such parameter or it is
  /// smaller.
  at::Tensor slice(const std::string& name, at::IntArrayRef shape) const {
    return layout_->view(values_, region(name, shape));
  }
  at::Tensor gradient_slice(const std::string& name, at::IntArrayRef shape) const {
    return layout_->view(gradients(), region(name, shape));
  }
  Region region(const std::string& name, at::IntArrayRef shape) const {
    return layout_->region(layout_->index(name), shape);
  }

  /// Adds to the region's gradients and touches it. @param gradient of the region's shape.
  void add_gradient(const Region& region, const at::Tensor& gradient) const;
  /// Says that the gradients of a region are no longer all zero.
  void touch(const Region& region) const;
  /// One region a touched parameter: the smallest box around all that was touched of it.
  std::span<const Region> touched() const { return touched_; }
  /// Zeroes the touched gradients; nothing is touched then.
  void clear_gradients() const;

  /// The same layout with copies of the values, nothing touched.
  ParameterStore snapshot() const { return ParameterStore(*this); }
  /// The same of one group alone, see ParameterLayout::group.
  ParameterStore snapshot(const std::string& group) const;
  /// Takes over the values of a store of an equal layout, on any device and of any type. @throws std::logic_error.
  void copy_from(const ParameterStore& other);
  void to(at::Device device);

  /// Every parameter by name, contiguous; may share memory with the store.
  TensorMap tensors() const { return layout_->tensors(values_); }
  /// Replaces the values by those of `tensors`: every parameter, equal shapes and type.
  /// @param what names the store in messages.  @throws UsageError naming what does not fit; nothing has changed then.
  void load(const TensorMap& tensors, std::string_view what = "weights");

 protected:
  /// What snapshot() gives.
  ParameterStore(const ParameterStore& other) : ParameterStore(other.layout_, other.values_.clone()) {}

 private:
  ParameterStore(std::shared_ptr<const ParameterLayout> layout, at::Tensor values);
  void initialize(const Rng& rng);
  at::Tensor view(const at::Tensor& flat, const std::string& name) const;

  std::shared_ptr<const ParameterLayout> layout_;
  at::Tensor values_;
  mutable at::Tensor gradients_;  // undefined until asked for
  mutable std::vector<Region> touched_;
  mutable std::vector<std::int32_t>
      touched_index_;  // for every parameter its place in touched_, -1 where it is not touched
};

/// The region's values as a tensor that autograd follows: backward passes add what reaches it to the store's gradients
/// (add_gradient) as it appears. Of any number of tensors for the same region each gets its own. The store must outlive
/// them.
at::Tensor learned(const ParameterStore& store, const Region& region);
/// The whole parameter. @throws std::logic_error if there is no such.
at::Tensor learned(const ParameterStore& store, const std::string& name);

}  // namespace frontier
