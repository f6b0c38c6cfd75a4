#include "supernet/trainer.h"

#include <ATen/autocast_mode.h>
#include <torch/types.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <stdexcept>

#include "common/errors.h"
#include "supernet/drop_path.h"
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

std::string kept_prefix(const std::string& name) { return "kept." + name + "."; }

std::vector<std::string> names_of(const std::map<std::string, WeightBank>& banks) {
  std::vector<std::string> names;
  for (const auto& [name, bank] : banks) names.push_back(name);
  return names;
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
  std::string what;   ///< which subnet, for messages
  Learn learned;      ///< from its loss; nothing: the loss is no step's
  at::Tensor loss;    ///< [] float32, detached
  at::Tensor output;  ///< detached
  std::int64_t macs = 0;
  std::int64_t images = 0;
};

/// How the subnets of a work run.
struct Trainer::Pass {
  const WeightBank& bank;
  Stream stream;
  Learn learn;
  bool trains;             ///< the loss is that of training weights: with what makes it harder, and auxiliary outputs
  bool penalised = false;  ///< by the sampler
  at::Tensor factor = {};  ///< of the loss in the backward pass, [] on the device; undefined: 1
  bool is_last = true;     ///< no other pass of the work goes back through its gates
};

/// What has happened in one step so far.
struct Trainer::Step {
  std::vector<Ran> ran;
  std::vector<std::vector<Outcome>> outcomes;  ///< by work
  std::vector<std::pair<std::string, at::Tensor>> norms;
  std::map<Stream, TrainingBatch> batches;
  std::map<std::pair<std::string, Stream>, at::Tensor> said;  ///< by teachers of the batches
};

Trainer::Trainer(Supernet& supernet, Sampler& sampler, const Task& task, const TrainerOptions& options,
                 std::uint64_t seed, BatchSources batches, Teachers teachers)
    : supernet_(supernet),
      sampler_(sampler),
      task_(task),
      options_(options),
      seed_(seed),
      batches_(std::move(batches)),
      teachers_(std::move(teachers)),
      rng_(Rng(seed).domain("sampler")),
      drop_path_(Rng(seed).domain("drop_path")) {
  if (options_.bf16 && supernet_.bank.device().is_cpu())
    throw UsageError("trainer.bf16 = true is for --device cuda only");
  if (sampler_.unrolls() && options_.optimizer.name != "sgd")
    throw UsageError("sampler '" + std::string(sampler_.name()) +
                     "' learns through a step of the weights (second order), which must be one of SGD; set "
                     "trainer.optimizer.name=sgd, or learn by first order");
  for (const Stream stream : kStreams)
    if (sampler_.uses(stream) && !batches_.contains(stream))
      throw std::logic_error("sampler '" + std::string(sampler_.name()) + "' asks for batches of stream '" +
                             std::string(to_string(stream)) + "', which are not given");
  std::vector<ParameterGroup> groups = sampler_.groups();
  for (const ParameterGroup& group : groups) group.store->to(supernet_.bank.device());
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
  Step step;
  while (const auto work = sampler_.next({step_, options_.steps, step.outcomes.size(), step.outcomes}, rng_)) {
    if (step.outcomes.size() == kMostWorks)
      throw std::logic_error("a sampler asks for more than " + std::to_string(kMostWorks) + " works a step");
    check(*work);
    const auto own = work->unrolled ? run_unrolled(*work, step) : run_work(*work, step);
    std::vector<Outcome> outcomes;
    for (const Ran& subnet : own)
      outcomes.push_back({subnet.loss,
                          [this, output = subnet.output, batch = batch_of(work->stream, step)] {
                            at::NoGradGuard no_grad;
                            return task_.clean_loss(output, batch);
                          },
                          subnet.macs});
    finish(*work, step);
    sampler_.observe(*work, outcomes);
    step.outcomes.push_back(std::move(outcomes));
  }
  this->report(step, report);
  report.step = ++step_;
  return report;
}

void Trainer::check(const Work& work) const {
  const auto refuse = [&](const std::string& what) {
    throw std::logic_error("sampler '" + std::string(sampler_.name()) + "' " + what);
  };
  if (!sampler_.uses(work.stream))
    refuse("asks for stream '" + std::string(to_string(work.stream)) + "', which it does not say that it uses");
  if (work.stream == Stream::kHeldOut && learns(work.learn, Learn::kWeights))
    refuse("trains weights on images that are held out");
  if (!work.weights.empty() && !kept_.contains(work.weights))
    refuse("asks for weights '" + work.weights + "', which no work has kept");
  if (!work.weights.empty() && (work.unrolled || learns(work.learn, Learn::kWeights)))
    refuse("learns with the weights '" + work.weights + "', which are a copy");
  if (work.unrolled && (!sampler_.unrolls() || work.learn != Learn::kGates))
    refuse("unrolls a work that does not learn the sampler's parameters alone, or does not say that it unrolls");
  const auto is_name = [](const std::string& text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; });
  };
  if (!is_name(work.then_keep))
    refuse("keeps weights as '" + work.then_keep + "'; names are letters, digits and underscores");
  if (!is_name(work.momentum))
    refuse("names a momentum '" + work.momentum + "'; names are letters, digits and underscores");
}

const TrainingBatch& Trainer::batch_of(Stream stream, Step& step) const {
  const auto known = step.batches.find(stream);
  return known != step.batches.end() ? known->second
                                     : step.batches.emplace(stream, batches_.at(stream)(step_)).first->second;
}

std::vector<Trainer::Ran> Trainer::run_work(const Work& work, Step& step) {
  return run({.bank = work.weights.empty() ? supernet_.bank : kept_.at(work.weights),
              .stream = work.stream,
              .learn = work.learn,
              .trains = learns(work.learn, Learn::kWeights),
              .penalised = learns(work.learn, Learn::kGates)},
             work, step);
}

/// Liu, Simonyan and Yang, arXiv 1806.09055, equations 7 and 8: the gradient on the work's batch with the weights that
/// a step leads to, less what the sampler's parameters do to that step: rate * d/d gates of the gradient along v, as
/// the difference of two first gradients at w + e v and w - e v, e = 0.01 / |v|.
std::vector<Trainer::Ran> Trainer::run_unrolled(const Work& work, Step& step) {
  WeightBank& bank = supernet_.bank;
  if (!bank.touched().empty()) throw std::logic_error("a work is unrolled over gradients that no step has used");
  const at::Tensor before = bank.values().clone();
  const auto train = [&](Learn learn, const at::Tensor& factor, bool is_last) {
    run({.bank = bank, .stream = Stream::kTrain, .learn = learn, .trains = true, .factor = factor, .is_last = is_last},
        work, step);
  };
  train(Learn::kWeights, {}, false);
  const double rate = groups_.at(kWeights).look_ahead(step_);
  bank.clear_gradients();
  auto ran = run({.bank = bank,
                  .stream = work.stream,
                  .learn = Learn::kGates | Learn::kWeights,
                  .trains = false,
                  .penalised = true,
                  .is_last = false},
                 work, step);
  const at::Tensor along = bank.gradients().clone(), e = 0.01 / along.norm();
  bank.clear_gradients();
  for (const int sign : {1, -1}) {
    bank.values().copy_(before + sign * e * along);
    train(Learn::kGates, -sign * rate / (2 * e), sign < 0);
  }
  bank.values().copy_(before);
  return ran;
}

std::vector<Trainer::Ran> Trainer::run(const Pass& pass, const Work& work, Step& step) const {
  const TrainingBatch& batch = batch_of(pass.stream, step);
  std::vector<Ran> own;
  for (const Candidate& subnet : work.subnets) {
    Autocast autocast(options_.bf16);
    c10::AutoGradMode grad_mode(pass.learn != Learn::kNothing);
    const NetworkGraph graph = supernet_.build(subnet.selection);
    std::vector<NetworkGraph::Vertex> outputs = {graph.output()};
    if (pass.trains)
      for (const auto& auxiliary : graph.auxiliaries()) outputs.push_back(auxiliary.vertex);
    const double progress = static_cast<double>(step_) / static_cast<double>(options_.steps);
    DropPath drop_path(graph, pass.trains ? options_.drop_path * progress : 0,
                       drop_path_.split(static_cast<std::uint64_t>(step_)).split(own.size()));
    const Program program(graph, pass.bank,
                          {.learn = pass.learn,
                           .gates = subnet.gates ? &*subnet.gates : nullptr,
                           .tap = drop_path.rate() > 0 ? &drop_path : nullptr},
                          outputs);
    const Forward forward = program(batch.images);
    const at::Tensor loss = loss_of(pass, work, subnet, forward.outputs, graph, own, step);
    const bool gates_last = pass.is_last && &subnet == &work.subnets.back();
    if (pass.learn != Learn::kNothing) {
      const at::Tensor own_part = subnet.factor == 1 ? loss : loss * subnet.factor;
      (pass.factor.defined() ? own_part * pass.factor : own_part)
          .backward({}, /*retain_graph=*/learns(pass.learn, Learn::kGates) && !gates_last);
    }
    own.push_back({.what = described(*supernet_.space, subnet.selection),
                   .learned = work.learn,
                   .loss = loss.detach(),
                   .output = forward.logits().detach(),
                   .macs = forward.macs,
                   .images = batch.images.size(0)});
    step.ran.push_back(own.back());
    if (pass.trains != learns(work.learn, Learn::kWeights)) step.ran.back().learned = Learn::kNothing;
  }
  return own;
}

at::Tensor Trainer::loss_of(const Pass& pass, const Work& work, const Candidate& subnet,
                            std::span<const at::Tensor> logits, const NetworkGraph& graph,
                            const std::vector<Ran>& earlier, Step& step) const {
  const TrainingBatch& batch = batch_of(pass.stream, step);
  const Lesson& lesson = subnet.lesson;
  // What makes training harder is for weights alone.
  const auto by_labels = [&] {
    return pass.trains ? task_.loss(logits.front(), batch) : task_.clean_loss(logits.front(), batch);
  };
  at::Tensor loss;
  if (lesson.is_from_labels()) {
    loss = by_labels();
  } else {
    loss = task_.lesson_loss(logits.front(), taught(lesson, pass, earlier, step), lesson);
    if (lesson.share < 1) loss = lesson.share * loss + (1 - lesson.share) * by_labels();
  }
  for (std::size_t i = 1; i < logits.size(); ++i)
    loss = loss + graph.auxiliaries()[i - 1].weight * task_.loss(logits[i], batch);
  if (pass.penalised)
    if (const at::Tensor penalty = sampler_.penalty(work, subnet); penalty.defined()) loss = loss + penalty;
  return loss;
}

at::Tensor Trainer::taught(const Lesson& lesson, const Pass& pass, const std::vector<Ran>& earlier, Step& step) const {
  std::vector<at::Tensor> outputs;
  for (const std::size_t teacher : lesson.of) outputs.push_back(earlier.at(teacher).output);
  if (!lesson.teacher.empty()) {
    const auto teacher = teachers_.find(lesson.teacher);
    if (teacher == teachers_.end())
      throw std::logic_error("sampler '" + std::string(sampler_.name()) + "' names a teacher '" + lesson.teacher +
                             "', which is not given");
    at::Tensor& said = step.said[{lesson.teacher, pass.stream}];
    if (!said.defined()) {
      at::NoGradGuard no_grad;
      said = teacher->second(batch_of(pass.stream, step).images);
    }
    outputs.push_back(said);
  }
  at::Tensor teaching;
  for (const at::Tensor& output : outputs) {
    const at::Tensor said = task_.teaching(output, lesson);
    teaching = teaching.defined() ? teaching + said : said;
  }
  return outputs.size() > 1 ? teaching / static_cast<double>(outputs.size()) : teaching;
}

void Trainer::finish(const Work& work, Step& step) {
  for (const std::string& name : work.then_step)
    step.norms.emplace_back(name, groups_.at(name).step(step_, work.rate, name == kWeights ? work.momentum : ""));
  if (!work.then_step.empty()) clear_gradients();
  if (work.then_keep.empty()) return;
  if (const auto kept = kept_.find(work.then_keep); kept != kept_.end()) {
    kept->second.copy_from(supernet_.bank);
  } else {
    kept_.emplace(work.then_keep, supernet_.bank.snapshot());
  }
}

void Trainer::clear_gradients() {
  for (const ParameterStore* store : stores_) store->clear_gradients();
}

void Trainer::not_finite(const std::string& what, double value, const std::string& subnets) const {
  throw Error("the " + what + " is not finite (" + std::to_string(value) + ") at step " + std::to_string(step_) +
              ", seed " + std::to_string(seed_) + ", subnet " + subnets +
              "; a smaller trainer.lr or a longer trainer.warmup_steps may help");
}

/// Reads losses and norms, and adds up what was done.
void Trainer::report(const Step& step, StepReport& report) {
  std::vector<at::Tensor> scalars;
  for (const Ran& subnet : step.ran) scalars.push_back(subnet.loss.to(at::kDouble));
  for (const auto& [group, norm] : step.norms) scalars.push_back(norm.to(at::kDouble));
  const at::Tensor read = scalars.empty() ? at::empty({0}, at::kDouble) : at::stack(scalars).to(at::kCPU);
  const std::span<const double> values(read.const_data_ptr<double>(), scalars.size());
  std::string all;
  std::vector<double> weight_losses, arch_losses;
  for (std::size_t i = 0; i < step.ran.size(); ++i) {
    const Ran& subnet = step.ran[i];
    const bool of_weights = learns(subnet.learned, Learn::kWeights), of_gates = learns(subnet.learned, Learn::kGates);
    if (!std::isfinite(values[i]))
      not_finite(of_gates && !of_weights ? "loss of the architecture parameters" : "training loss", values[i],
                 subnet.what);
    if (of_weights) {
      weight_losses.push_back(values[i]);
    } else if (of_gates) {
      arch_losses.push_back(values[i]);
    }
    all += (all.empty() ? "" : ", ") + subnet.what;
  }
  for (std::size_t i = 0; i < step.norms.size(); ++i)
    if (const double norm = values[step.ran.size() + i]; !std::isfinite(norm))
      not_finite("gradient norm of the " + step.norms[i].first, norm, all);
  for (const Ran& subnet : step.ran) {
    report.macs += subnet.macs;
    macs_done_ += static_cast<double>(subnet.macs) * static_cast<double>(subnet.images);
  }
  for (const auto& [stream, batch] : step.batches) report.images += batch.images.size(0);
  images_seen_ += report.images;
  const auto mean = [](const std::vector<double>& losses) {
    double sum = 0;
    for (const double loss : losses) sum += loss / static_cast<double>(losses.size());
    return sum;
  };
  report.loss = mean(weight_losses);
  if (!arch_losses.empty()) report.arch_loss = mean(arch_losses);
}

void Trainer::use_averages() {
  for (auto& [name, group] : groups_) group.use_average();
}

TensorMap Trainer::state_tensors() const {
  TensorMap tensors;
  for (const auto& [name, group] : groups_)
    tensors.merge(with_prefix(name == kWeights ? "" : name + ".", group.state()));
  tensors.merge(with_prefix("sampler.", sampler_.save().tensors));
  for (const auto& [name, weights] : kept_) tensors.merge(with_prefix(kept_prefix(name), weights.tensors()));
  return tensors;
}

nlohmann::json Trainer::state() const {
  return {{"step", step_},          {"rng", rng_.state()}, {"sampler", sampler_.save().values},
          {"images", images_seen_}, {"macs", macs_done_},  {"kept_weights", names_of(kept_)}};
}

void Trainer::load(const TensorMap& tensors, const nlohmann::json& state) {
  at::NoGradGuard no_grad;
  const auto has = [&](const char* key, auto is) { return state.contains(key) && (state[key].*is)(); };
  using Json = nlohmann::json;
  if (!state.is_object() || !has("step", &Json::is_number_integer) || !has("rng", &Json::is_string) ||
      !has("images", &Json::is_number_integer) || !has("macs", &Json::is_number) || !state.contains("sampler") ||
      !has("kept_weights", &Json::is_array))
    throw UsageError("the checkpoint's trainer state is incomplete");
  for (auto& [name, group] : groups_) group.load(name == kWeights ? tensors : part_of(name + ".", tensors));
  kept_.clear();
  for (const auto& kept : state["kept_weights"]) {
    if (!kept.is_string()) throw UsageError("the checkpoint's kept_weights must be names");
    const auto name = kept.get<std::string>();
    WeightBank weights = supernet_.bank.snapshot();
    weights.load(part_of(kept_prefix(name), tensors), "kept weights");
    kept_.emplace(name, std::move(weights));
  }
  step_ = state["step"].get<std::int64_t>();
  rng_ = Rng::from_state(state["rng"].get<std::string>());
  images_seen_ = state["images"].get<std::int64_t>();
  macs_done_ = state["macs"].get<double>();
  sampler_.load({part_of("sampler.", tensors), state["sampler"]});
}

}  // namespace frontier
