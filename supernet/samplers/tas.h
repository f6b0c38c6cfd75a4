#pragma once

#include <string>

#include "common/schedule.h"
#include "search_spaces/budget.h"
#include "supernet/samplers/logits.h"

namespace frontier {

/// Transformable architecture search (Dong and Yang, "Network Pruning via Transformable Architecture Search", arXiv
/// 1905.09717): how wide each layer and how deep each stage of a network should be for so many multiply-accumulates.
/// A pass runs two sizes of every layer, drawn without replacement by Gumbel noise (section 3.2), whose outputs are
/// brought to one width and weighed by the softmax of their perturbed logits, and all depths of every stage, weighed
/// likewise. The logits learn by the loss on images of their own and by the logarithm of the expected cost, which they
/// lower while the network that would be derived now is too dear, and raise while it is too cheap (equation 6).
///
/// Differs from the paper: any space whose decisions are about sizes (branches beside them are drawn in pairs, too);
/// costs are exact expectations, in which a width that is read twice is not two independent ones, and those of the
/// networks that are derived, with the convolutions in their shortcuts; shortcuts run that convolution as far as their
/// widths differ; where depths are weighed, narrower maps count as zeros beyond their width. The code's rule for the
/// band is the default, the paper's an option.
class TasSampler : public LogitSampler {
 public:
  struct Options : LogitOptions {
    Options() {
      init_deviation = 1e-2;
      lr = 1e-3;  ///< for some 10^5 steps; a short search needs more
    }
    int candidates = 2;                  ///< sizes of a layer that a pass compares
    std::string widths = "interpolate";  ///< how they are brought to one: "interpolate", "mask"
    std::string schedule = "cosine";     ///< of the temperature: "cosine" or "linear"
    double temperature = 5;              ///< at the start; 10, linear, in the paper
    double temperature_end = 0.1;        ///< to which it falls
    double target = 0.5;                 ///< of the unpruned network's multiply-accumulates
    std::int64_t target_macs = 0;        ///< an image, in place of `target`; 0: that is what counts
    double tolerance = 0.05;             ///< half the band
    std::string band = "below";          ///< where costs may lie: "below", "around"
    double cost_weight = 2;              ///< of the logarithm of the cost in the loss
  };
  /// @throws UsageError for a space without decisions about sizes or of which several sizes cannot run as one network,
  /// and for a target that no network meets.
  TasSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options, const Rng& rng);
  at::Tensor penalty(const Work& work, const Candidate& subnet) override;
  /// "entropy"; as shares of the unpruned network "cost" (expected), "derived_cost", "width" and "depth" (means of the
  /// expected ones).
  std::vector<std::pair<std::string, double>> metrics() const override;

  /// What a derived network should cost, in multiply-accumulates an image: inside, cost teaches nothing.
  const Limit& band() const { return band_; }
  std::int64_t unpruned_macs() const { return unpruned_macs_; }

 protected:
  Candidate subnet(const StepContext& context, Rng& rng) override;
  std::vector<std::vector<double>> scores() const override;
  bool trains_weights_first() const override { return true; }

 private:
  /// [decision] [options]: of all decisions, softmax of the logits as a function of the parameters.
  Gates expected_gates(bool learns) const;
  /// Of the network that would be derived now.
  std::int64_t derived_macs() const;
  double mean_share(DecisionKind kind) const;

  Options options_;
  FeasibleSet all_;
  soft::ExpectedCost expected_cost_;
  std::int64_t unpruned_macs_;
  Limit band_;
};

/// The network with the largest size everywhere, of which TAS keeps a part; where there are branches, too, the dearest
/// of those. @throws UsageError if no network of the space is so.
Priced unpruned(const SearchSpace& space, const InputShape& input);

template <class Fields>
void describe(Fields& f, TasSampler::Options& o) {
  describe(f, static_cast<LogitOptions&>(o));
  f("candidates", o.candidates, 2, 64, "Sizes of every layer that a pass compares.");
  f("widths", o.widths, {"interpolate", "mask"},
    "How two widths become one: interpolate, which needs norms of their own as in resnet_shape_20(norms=per_width), or "
    "mask.");
  f("schedule", o.schedule, {"cosine", "linear"}, "How the temperature falls.");
  f("temperature", o.temperature, 1e-3, 1e3, "Of the draws and their softmax at the start.");
  f("temperature_end", o.temperature_end, 1e-3, 1e3, "To which it falls.");
  f("target", o.target, 1e-6, 1.0, "Share of the unpruned network's multiply-accumulates that is to be kept.");
  f("target_macs", o.target_macs, 0, std::int64_t{1} << 53, "Multiply-accumulates to be kept; 0: by the target.");
  f("tolerance", o.tolerance, 0.0, 1.0, "How far the cost may be off before it teaches.");
  f("band", o.band, {"below", "around"},
    "below: from the target down by the tolerance times the unpruned network's cost; around: the target, more or less "
    "by the tolerance times the target.");
  f("cost_weight", o.cost_weight, 0.0, 1e6, "Of the logarithm of the expected cost in the loss.");
}

}  // namespace frontier
