#include "supernet/trainer.h"

#include <ATen/autocast_mode.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <stdexcept>

#include "common/errors.h"
#include "supernet/program.h"

namespace frontier {
namespace {

constexpr const char* kWeights = "weights";
constexpr std::size_t kMostWorks = 64;  // of one step: a sampler that never ends one is a fault

/// bfloat16 autocast on CUDA while it lives.
class Autocast {
 public:
  explicit Autocast(bool on) : on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_enabled(at::kCUDA, true);
    at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
    at::autocast::increment_nesting();
  }
  ~Autocast() {
    if (!on_) return;
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCUDA, false);
  }
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

std::string described(const SearchSpace& space, const Selection& selection) {
  return selection.is_hard() ? space.to_string(selection.architecture()) : "a soft selection";
}

}  // namespace

GroupOptions weight_options(const TrainerOptions& options) {
  GroupOptions group;
  group.optimizer = options.optimizer;
  group.lr = {
      .kind = options.lr_schedule, .start = options.lr, .end = options.lr_end, .warmup_steps = options.warmup_steps};
  require_consistent(group.lr);
  group.clip.norm = options.clip_norm;
  group.clip.adaptive = options.clip_adaptive;
  group.average_decay = options.ema_decay;
  return group;
}

/// A subnet that ran.
struct Trainer::Ran {
  const Work* work = nullptr;
  std::string what;   ///< which subnet, for messages
  at::Tensor loss;    ///< [] float32, detached
  at::Tensor output;  ///< detached
  std::int64_t macs = 0;
};

Trainer::Trainer(Supernet& supernet, Sampler& sampler, const Task& task, const TrainerOptions& options,
                 std::uint64_t seed, BatchSources batches)
    : supernet_(supernet),
      sampler_(sampler),
      task_(task),
      options_(options),
      seed_(seed),
      batches_(std::move(batches)),
      rng_(Rng(seed).domain("sampler")) {
  if (options_.bf16 && supernet_.bank.device().is_cpu())
    throw UsageError("trainer.bf16 = true is for --device cuda only");
  for (const Stream stream : {Stream::kTrain, Stream::kArchitecture})
    if (sampler_.uses(stream) && !batches_.contains(stream))
      throw std::logic_error("sampler '" + std::string(sampler_.name()) + "' asks for batches of stream '" +
                             std::string(to_string(stream)) + "', which are not given");
  std::vector<ParameterGroup> groups = sampler_.groups();
  groups.push_back({.name = kWeights, .store = &supernet_.bank, .options = weight_options(options_)});
  for (const ParameterGroup& group : groups) {
    groups_.try_emplace(group.name, group, options_.steps);
    stores_.push_back(group.store);
  }
}

StepReport Trainer::step() {
  StepReport report;
  report.lr = learning_rate(step_);
  clear_gradients();
  std::deque<Work> works;  // where they are, so that what ran can refer to them
  std::vector<Ran> ran;
  std::vector<std::pair<std::string, at::Tensor>> norms;
  std::map<Stream, TrainingBatch> batches;
  while (auto work = sampler_.next({step_, options_.steps, works.size()}, rng_)) {
    if (works.size() == kMostWorks)
      throw std::logic_error("a sampler asks for more than " + std::to_string(kMostWorks) + " works a step");
    works.push_back(std::move(*work));
    const Stream stream = works.back().stream;
    if (!batches.contains(stream)) batches.emplace(stream, batches_.at(stream)(step_));
    const std::size_t first = ran.size();
    run_work(works.back(), batches.at(stream), ran);
    std::vector<Outcome> outcomes;
    for (std::size_t i = first; i < ran.size(); ++i)
      outcomes.push_back({ran[i].loss,
                          [this, output = ran[i].output, batch = batches.at(stream)] {
                            at::NoGradGuard no_grad;
                            return task_.clean_loss(output, batch);
                          },
                          ran[i].macs});
    take_steps(works.back(), norms);
    sampler_.observe(works.back(), outcomes);
  }
  require_finite(ran, norms);
  std::vector<double> weight_losses, arch_losses;
  for (const Ran& subnet : ran) {
    report.macs += subnet.macs;
    macs_done_ +=
        static_cast<double>(subnet.macs) * static_cast<double>(batches.at(subnet.work->stream).images.size(0));
    if (learns(subnet.work->learn, Learn::kWeights)) {
      weight_losses.push_back(subnet.loss.item<double>());
    } else if (learns(subnet.work->learn, Learn::kGates)) {
      arch_losses.push_back(subnet.loss.item<double>());
    }
  }
  for (const auto& [stream, batch] : batches) report.images += batch.images.size(0);
  images_seen_ += report.images;
  const auto mean = [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value / static_cast<double>(values.size());
    return sum;
  };
  report.loss = mean(weight_losses);
  if (!arch_losses.empty()) report.arch_loss = mean(arch_losses);
  report.step = ++step_;
  return report;
}

void Trainer::run_work(const Work& work, const TrainingBatch& batch, std::vector<Ran>& ran) {
  std::vector<Ran> own;
  for (const Candidate& subnet : work.subnets) {
    Autocast autocast(options_.bf16);
    c10::AutoGradMode grad_mode(work.learn != Learn::kNothing);
    const NetworkGraph graph = supernet_.build(subnet.selection);
    std::vector<NetworkGraph::Vertex> outputs = {graph.output()};
    if (learns(work.learn, Learn::kWeights))
      for (const auto& auxiliary : graph.auxiliaries()) outputs.push_back(auxiliary.vertex);
    const Program program(graph, supernet_.bank,
                          {.learn = work.learn, .gates = subnet.gates ? &*subnet.gates : nullptr}, outputs);
    const Forward forward = program(batch.images);
    const at::Tensor loss = loss_of(work, subnet, batch, forward.outputs, graph, own);
    if (work.learn != Learn::kNothing) loss.backward();
    own.push_back(
        {&work, described(*supernet_.space, subnet.selection), loss.detach(), forward.logits().detach(), forward.macs});
  }
  ran.insert(ran.end(), own.begin(), own.end());
}

at::Tensor Trainer::loss_of(const Work& work, const Candidate& subnet, const TrainingBatch& batch,
                            std::span<const at::Tensor> logits, const NetworkGraph& graph,
                            const std::vector<Ran>& earlier) const {
  at::Tensor loss;
  if (subnet.lesson.is_from_labels()) {
    // What makes training harder is for weights alone.
    loss = learns(work.learn, Learn::kWeights) ? task_.loss(logits.front(), batch)
                                               : task_.clean_loss(logits.front(), batch);
  } else {
    at::Tensor teaching;
    for (const std::size_t teacher : subnet.lesson.of) {
      const at::Tensor said = task_.teaching(earlier.at(teacher).output, subnet.lesson);
      teaching = teaching.defined() ? teaching + said : said;
    }
    if (subnet.lesson.of.size() > 1) teaching = teaching / static_cast<double>(subnet.lesson.of.size());
    loss = task_.lesson_loss(logits.front(), teaching, subnet.lesson);
  }
  for (std::size_t i = 1; i < logits.size(); ++i)
    loss = loss + graph.auxiliaries()[i - 1].weight * task_.loss(logits[i], batch);
  if (learns(work.learn, Learn::kGates))
    if (const at::Tensor penalty = sampler_.penalty(work, subnet); penalty.defined()) loss = loss + penalty;
  return loss;
}

void Trainer::take_steps(const Work& work, std::vector<std::pair<std::string, at::Tensor>>& norms) {
  for (const std::string& name : work.then_step) norms.emplace_back(name, groups_.at(name).step(step_));
  if (!work.then_step.empty()) clear_gradients();
}

void Trainer::clear_gradients() {
  for (const ParameterStore* store : stores_) store->clear_gradients();
}

void Trainer::not_finite(const std::string& what, double value, const std::string& subnets) const {
  throw Error("the " + what + " is not finite (" + std::to_string(value) + ") at step " + std::to_string(step_) +
              ", seed " + std::to_string(seed_) + ", subnet " + subnets +
              "; a smaller trainer.lr or a longer trainer.warmup_steps may help");
}

void Trainer::require_finite(const std::vector<Ran>& ran,
                             std::span<const std::pair<std::string, at::Tensor>> norms) const {
  std::string all;
  for (const Ran& subnet : ran) {
    if (const double loss = subnet.loss.item<double>(); !std::isfinite(loss))
      not_finite(learns(subnet.work->learn, Learn::kWeights) ? "training loss" : "loss of the architecture parameters",
                 loss, subnet.what);
    all += (all.empty() ? "" : ", ") + subnet.what;
  }
  for (const auto& [group, norm] : norms)
    if (const double value = norm.item<double>(); !std::isfinite(value))
      not_finite("gradient norm of the " + group, value, all);
}

void Trainer::use_averages() {
  for (auto& [name, group] : groups_) group.use_average();
}

TensorMap Trainer::state_tensors() const {
  TensorMap tensors;
  for (const auto& [name, group] : groups_)
    tensors.merge(with_prefix(name == kWeights ? "" : name + ".", group.state()));
  tensors.merge(with_prefix("sampler.", sampler_.save().tensors));
  return tensors;
}

nlohmann::json Trainer::state() const {
  return {{"step", step_},
          {"rng", rng_.state()},
          {"sampler", sampler_.save().values},
          {"images", images_seen_},
          {"macs", macs_done_}};
}

void Trainer::load(const TensorMap& tensors, const nlohmann::json& state) {
  at::NoGradGuard no_grad;
  const auto has = [&](const char* key, auto is) { return state.contains(key) && (state[key].*is)(); };
  using Json = nlohmann::json;
  if (!state.is_object() || !has("step", &Json::is_number_integer) || !has("rng", &Json::is_string) ||
      !has("images", &Json::is_number_integer) || !has("macs", &Json::is_number) || !state.contains("sampler"))
    throw UsageError("the checkpoint's trainer state is incomplete");
  for (auto& [name, group] : groups_) group.load(name == kWeights ? tensors : part_of(name + ".", tensors));
  step_ = state["step"].get<std::int64_t>();
  rng_ = Rng::from_state(state["rng"].get<std::string>());
  images_seen_ = state["images"].get<std::int64_t>();
  macs_done_ = state["macs"].get<double>();
  sampler_.load({part_of("sampler.", tensors), state["sampler"]});
}

}  // namespace frontier
