#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "db/errors.h"
#include "db/filter.h"
#include "db/pareto.h"

namespace frontier {

namespace sqlite {
class Transaction;
}

/// How a number was measured. Two results with different protocols are not comparable.
struct Protocol {
  std::string evaluator = {};    ///< "supernet", "scratch", "fine-tuning", "benchmark", ...
  std::string checkpoint = {};   ///< fingerprint of the weights inherited; empty where none are
  std::string dataset = {};      ///< "fashion_mnist"
  std::string split = {};        ///< "search" or "validation" (held out from training) or "test"
  std::string fidelity = {};     ///< how much was spent, e.g. "10000 images" or "20 epochs"
  std::string calibration = {};  ///< how batch-norm statistics were made, e.g. "recalibrated, 2048 images"
  std::int64_t seed = 0;
  std::string recipe = {};  ///< checksum of the settings trained with; empty where the measurement trained nothing
  auto operator<=>(const Protocol&) const = default;
};

/// "cifar10, test split, 200 epochs".
std::string in_words(const Protocol& protocol);
/// The part of it that tells published tables apart, as it is stored with a run.
nlohmann::json to_json(const Protocol& protocol);

/// A network as the store knows it: equal (space, built_for, canonical) is the same network.
struct StoredArchitecture {
  std::string space = {};
  std::string canonical = {};  ///< canonical key: equal functions have equal keys
  std::string built_for = {};  ///< input and classes the costs hold for, e.g. "1x28x28/10"
  std::string arch = {};       ///< the space's own notation, for people; not part of the identity
  std::int64_t macs = 0;
  std::int64_t params = 0;
};

/// One measurement of one architecture.
struct Evaluation {
  StoredArchitecture architecture = {};
  Protocol protocol = {};
  std::map<std::string, double> metrics = {};  ///< finite; "top1" a fraction of "images", "latency_ms", ...
  double seconds = 0;                          ///< what it took
  std::optional<std::int64_t> run = {};        ///< the run that measured it
  /// Batch-norm statistics that it was measured with, bytes of a safetensors file; empty: not kept. Only recorded: what
  /// is read has none (Store::statistics).
  std::string statistics = {};
};

/// What an objective or a condition of this name asks for: macs, params, seconds or a metric.
/// @throws std::out_of_range if there is no such metric.
double value_of(const Evaluation& evaluation, const std::string& name);

/// An evaluation as stored.
struct Result : Evaluation {
  std::int64_t id = 0;
  std::string created = {};  ///< ISO 8601, UTC
};

/// A result as every command prints it in JSON: arch, canonical, space, macs, params, metrics, the standard errors of
/// its accuracies (common/statistics.h) and how it was measured.
nlohmann::ordered_json to_json(const Result& result);

/// Results of one network that differ in the seeds of their protocols alone, as one.
struct MeanResult {
  Evaluation mean = {};  ///< of the metrics that all have, and of seconds; its protocol's seed means nothing
  /// Of these and of "seconds", over the seeds; empty where there is but one.
  std::map<std::string, double> standard_errors = {};
  std::vector<Result> results = {};  ///< in order of their seeds
};
/// Likewise, with the seeds, the evaluations and the runs that measured them.
nlohmann::ordered_json to_json(const MeanResult& result);

/// What Store::record_agreeing() found; values are metrics and seconds.
struct Recorded {
  std::size_t new_evaluations = 0;
  std::size_t new_values = 0;    ///< stored now
  std::size_t known_values = 0;  ///< stored before, and equal
};

enum class RunState { kRunning, kDone, kFailed, kInterrupted };
std::string_view to_string(RunState state);

struct RunInfo {
  std::string kind = {};  ///< "train", "search", "evaluate", "import"
  std::string name = {};  ///< optional
  std::string space = {};
  std::string config = "{}";  ///< the resolved configuration, a JSON object
  std::int64_t seed = 0;
  std::string version = {};                 ///< of the program
  std::string checkpoint = {};              ///< folder written (train) or read (search)
  std::optional<std::int64_t> parent = {};  ///< e.g. the training run whose checkpoint is searched
};

/// What changes while a run goes on; what is not set stays.
struct RunUpdate {
  std::optional<RunState> state = {};
  std::optional<double> progress = {};  ///< 0..1
  std::optional<std::string> message = {};
};

struct Run : RunInfo {
  std::int64_t id = 0;
  RunState state = RunState::kRunning;  ///< kInterrupted also where it says running but its process is gone
  bool process_gone = false;
  double progress = 0;
  std::string message = {};
  std::int64_t pid = 0;
  std::string host = {};
  std::string created = {};  ///< ISO 8601, UTC
  std::string updated = {};
  std::int64_t num_results = 0;  ///< evaluations measured or reused
};

struct RunFilter {
  std::optional<std::int64_t> id = {};
  std::optional<std::string> kind = {};
  std::optional<std::string> space = {};
};

/// One value of a training curve, e.g. {1200, "train/loss", 0.41}.
struct CurvePoint {
  std::int64_t step = 0;
  std::string name = {};
  double value = 0;
};

/// The results of one space under one protocol: comparable numbers, e.g. a published benchmark.
struct ResultTable {
  std::string space = {};
  std::string built_for = {};
  Protocol protocol = {};
  std::int64_t num_results = 0;
};

struct Front {
  std::vector<Result> results;     ///< the best of the first objective first
  std::size_t num_considered = 0;  ///< results the filter left
};

struct MeanFront {
  std::vector<MeanResult> results;  ///< the best of the first objective first
  std::size_t num_considered = 0;   ///< means the filter left
};

/// The results database: one SQLite file (docs/formats/results-database.md). Several processes may write at once: a
/// write waits for its turn instead of failing. Every call that writes has committed when it returns (inside a
/// Transaction: when that commits), and a committed result outlives a killed process; see the page for power failure.
/// Thread-safety: none; open one Store a thread.
class Store {
 public:
  enum class Mode {
    kReadOnly,   ///< the file must exist and hold results
    kReadWrite,  ///< made, or brought to the current schema, where needed
  };

  /// @param path a file or `sqlite:///path`.
  /// @throws UsageError if it is no database of ours or of a newer schema, Error if it is damaged or cannot be written.
  /// Waits a minute for other programs, or $FRONTIER_DB_WAIT seconds.
  Store(std::string_view path, Mode mode);
  ~Store();
  Store(Store&&) noexcept;
  Store& operator=(Store&&) = delete;

  /// Several calls as one step: rolled back unless commit() is reached; inside another one, a part of it. Others'
  /// writes wait meanwhile, so keep it short.
  class Transaction {
   public:
    explicit Transaction(Store& store);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

   private:
    std::unique_ptr<sqlite::Transaction> transaction_;
  };

  /// As it was given, without the scheme.
  std::string path() const;
  /// How long a call waits for other programs that hold the database. @throws DatabaseBusy then (every call).
  void set_wait(std::chrono::milliseconds wait);
  std::chrono::milliseconds wait() const;

  /// A new run in state running, of this process. Returns its id.
  std::int64_t begin_run(const RunInfo& info);
  /// A run that another database, or an earlier state of this one, knew: its id here, made where there is none. Equal
  /// are runs of one kind, configuration, host and time, with the same id or process.
  std::int64_t adopt_run(const Run& run);
  /// The run goes on in this process.
  void resume_run(std::int64_t id);
  void update_run(std::int64_t id, const RunUpdate& update);
  /// In order of their ids.
  std::vector<Run> runs(const RunFilter& filter = {}) const;
  /// A run by its id or its name, as a user types it. @throws UsageError if there is none or the name is not unique.
  std::int64_t find_run(std::string_view text) const;

  /// A point stored again replaces the old one, so a resumed run may repeat steps. @throws Error if a value is not
  /// finite.
  void add_points(std::int64_t run, std::span<const CurvePoint> points);
  /// In order of their steps.
  std::vector<CurvePoint> curve(std::int64_t run, std::string_view name) const;
  std::vector<std::string> curve_names(std::int64_t run) const;

  /// Text a run keeps, e.g. the state from which a search resumes.
  void put_run_state(std::int64_t run, std::string_view key, std::string_view text);
  std::optional<std::string> get_run_state(std::int64_t run, std::string_view key) const;

  /// Stores evaluations in one transaction; returns their ids. Of one (architecture, protocol) the first stays: stored
  /// again, it only gains metrics and statistics that it lacked. Each is also linked to its `run`.
  /// @throws Error if a metric is not finite, an architecture is stored with other costs, or a metric with another
  /// value but for rounding (the message names both); nothing is stored then.
  std::vector<std::int64_t> record(std::span<const Evaluation> evaluations);
  /// record() for published tables, whose seconds are a number like the others: added where 0 is stored (not known),
  /// else they must be the same but for rounding, too.
  /// @throws UsageError naming architecture, metric and both values if one differs; nothing is stored then.
  Recorded record_agreeing(std::span<const Evaluation> evaluations);
  /// Links results to a run that reuses them.
  void link(std::int64_t run, std::span<const std::int64_t> results);

  /// What is stored for this architecture and protocol.
  std::optional<Result> find(std::string_view space, std::string_view built_for, std::string_view canonical,
                             const Protocol& protocol) const;
  /// find() for many; result[i] belongs to canonicals[i].
  std::vector<std::optional<Result>> find_many(std::string_view space, std::string_view built_for,
                                               std::span<const std::string> canonicals, const Protocol& protocol) const;

  /// Batch-norm statistics that a subnet with the weights of this checkpoint was measured with, calibrated in this way.
  std::optional<std::string> statistics(std::string_view space, std::string_view built_for, std::string_view canonical,
                                        std::string_view checkpoint, std::string_view calibration) const;

  /// @throws UsageError if there is none.
  Result result(std::int64_t id) const;
  /// In order of their ids, at most `limit`.
  std::vector<Result> results(const Filter& filter = {}, std::optional<std::size_t> limit = {}) const;
  /// The tables that these results make up, in order of space, built_for and protocol.
  std::vector<ResultTable> tables(const Filter& filter = {}) const;
  /// All results of one table in order of their ids, in one pass: thousands with dozens of metrics in a fraction of a
  /// second.
  std::vector<Result> table_results(const ResultTable& table) const;
  /// The non-dominated results among those that have all objectives; equal points are all kept.
  /// @throws MixedProtocols if they were measured under several protocols and `mixing` does not allow it (the message
  /// lists them), UsageError if an objective is unknown.
  Front pareto(std::span<const Objective> objectives, const Filter& filter, Mixing mixing = Mixing::kRefuse) const;
  /// The same of means over seeds: results are chosen by the filter, but for its conditions on metrics and seconds,
  /// which the means must meet. Seeds alone make no protocols.
  MeanFront pareto_of_means(std::span<const Objective> objectives, const Filter& filter,
                            Mixing mixing = Mixing::kRefuse) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace frontier
