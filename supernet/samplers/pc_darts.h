#pragma once

#include "supernet/samplers/branches.h"

namespace frontier {

/// Partial channel connections (Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture
/// Search", arXiv 1907.05737): as DARTS, but every edge of a node is weighed, too, by a softmax of its own over the
/// node's edges (edge normalisation), and what is derived is by the product of both weights, without zeros. That only
/// one in K channels passes through the operations is an option of the space (partial=K). For spaces of branches.
/// Differs from the paper: what is derived is valid in the space (a cell reads both of its inputs); channels are a
/// fixed slice, shuffled behind, as in the official code.
class PcDartsSampler : public BranchSampler {
 public:
  struct Options : LogitOptions {
    Options() { lr = 6e-4; }             ///< 6e-4 in the paper for CIFAR-10, with batches of 256 and 50 epochs
    double warmup_share = 0.3;           ///< of the steps, in which weights alone are trained: 15 of 50 epochs
    int order = 1;                       ///< 1 in the paper
    bool edge_normalisation = true;      ///< off: edges are added up, as in DARTS
    std::string edge_score = "product";  ///< what ranks edges: the product of both weights, or the edge's alone
  };
  /// @throws UsageError for a space with decisions about widths, kernels or sides; for an edge_score without edge
  /// normalisation.
  PcDartsSampler(std::shared_ptr<const SearchSpace> space, const InputShape& input, const Options& options,
                 const Rng& rng);
  bool unrolls() const override { return options_.order == 2; }

  /// Softmax over the edges of a site, float64 on the CPU; all 1 without edge normalisation.
  std::vector<double> edge_weights(const EdgeSite& site) const;

 protected:
  Candidate subnet(const StepContext& context, Rng& rng) override;
  std::vector<std::vector<double>> scores() const override;
  bool is_warm(const StepContext& context) const override { return context.is_past(options_.warmup_share); }

 private:
  Options options_;
};

template <class Fields>
void describe(Fields& f, PcDartsSampler::Options& o) {
  describe(f, static_cast<LogitOptions&>(o));
  f("warmup_share", o.warmup_share, 0.0, 1.0, "Share of the steps before the logits start to move.");
  f("order", o.order, 1, 2,
    "2: the logits learn through the step that the weights would take, at the price of three more runs a step.");
  f("edge_normalisation", o.edge_normalisation, "Whether edges are weighed by a softmax over those of a node.");
  f("edge_score", o.edge_score, {"product", "edges"},
    "What decides which edges are derived: edge weight times the operation's, or the edge weight alone.");
}

}  // namespace frontier
