#include "tables/benchmark_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "common/errors.h"
#include "common/text.h"

namespace frontier {
namespace {

constexpr std::size_t kRowsATick = 256;
constexpr std::size_t kEvaluationsATick = 500;

/// Rows of the table, with those of the joined one beside them.
class JoinedRows {
 public:
  /// Where a column is.
  struct Place {
    bool joined = false;
    std::size_t column = 0;  ///< in the file, or in the cells kept of the joined table
  };

  JoinedRows(TableSource file, std::optional<TableSource> joined, const std::optional<ColumnName>& on)
      : file_(open_table(std::move(file))) {
    if (joined && !on)
      throw UsageError("the map has no \"join\", so nothing says where rows of " + printable(joined->name, 1000) +
                       " belong; add \"join\": {\"on\": column}, or leave --join out");
    if (!joined && on)
      throw UsageError(on->key + " = '" + printable(on->name) + "': the map needs a second table; give it with --join");
    if (!joined) return;
    joined_ = open_table(std::move(*joined));
    key_ = required(*file_, *on);
    joined_key_ = required(*joined_, *on);
  }

  /// @throws UsageError if no table has it, or both.
  Place find(const ColumnName& column) {
    const auto here = index_of(*file_, column.name);
    std::optional<std::size_t> there;
    if (joined_) there = index_of(*joined_, column.name);
    if (here && there && !(here == key_ && there == joined_key_))
      throw UsageError(column.key + ": both " + file_->name() + " and " + joined_->name() + " have a column '" +
                       printable(column.name) + "'; rename it in one of them");
    if (here) return {false, *here};
    if (!there) refuse(column);
    const auto known = std::find(kept_.begin(), kept_.end(), *there);
    const auto place = static_cast<std::size_t>(known - kept_.begin());
    if (known == kept_.end()) kept_.push_back(*there);
    return {true, place};
  }

  /// After the last find().
  void read_joined(const Tick& tick) {
    if (!joined_) return;
    while (joined_->next()) {
      if (tick && rows_.size() % kRowsATick == 0) tick(0);
      const std::string key(joined_->cell(joined_key_));
      const auto [row, is_new] = rows_.try_emplace(key, JoinedRow{joined_->row()});
      if (!is_new)
        throw UsageError(joined_->name() + ", " + joined_->place(joined_->row()) + ", column '" +
                         printable(joined_->header()[joined_key_]) + "': '" + printable(key) +
                         "' is there already, in " + joined_->place(row->second.row) + "; each key must be there once");
      for (const std::size_t column : kept_) row->second.cells.emplace_back(joined_->cell(column));
    }
  }

  bool next() {
    if (!file_->next()) return false;
    if (!joined_) return true;
    const auto found = rows_.find(std::string(file_->cell(key_)));
    if (found == rows_.end())
      throw UsageError(describe({false, key_}) + ": no row of " + joined_->name() + " has '" +
                       printable(file_->cell(key_)) + "' in this column");
    partner_ = &found->second;
    partner_->used = true;
    return true;
  }

  std::string_view cell(Place place) const {
    return place.joined ? std::string_view(partner_->cells[place.column]) : file_->cell(place.column);
  }
  /// "table.csv, line 3, column 'x'".
  std::string describe(Place place) const {
    const RowReader& table = place.joined ? *joined_ : *file_;
    const std::string& name = table.header()[place.joined ? kept_[place.column] : place.column];
    return table.name() + ", " + table.place(place.joined ? partner_->row : file_->row()) + ", column '" +
           printable(name) + "'";
  }
  const RowReader& file() const { return *file_; }
  std::int64_t num_unused() const {
    return std::count_if(rows_.begin(), rows_.end(), [](const auto& row) { return !row.second.used; });
  }

 private:
  struct JoinedRow {
    std::uint64_t row = 0;
    bool used = false;
    std::vector<std::string> cells = {};
  };

  static std::optional<std::size_t> index_of(const RowReader& table, const std::string& name) {
    const auto found = std::find(table.header().begin(), table.header().end(), name);
    if (name.empty() || found == table.header().end()) return std::nullopt;
    return static_cast<std::size_t>(found - table.header().begin());
  }

  static std::string unknown_column(const ColumnName& column, const std::string& tables,
                                    std::span<const std::string> known) {
    return column.key + ": " + tables + " no column '" + printable(column.name) + "'; " +
           known_names(column.name, known);
  }

  static std::size_t required(const RowReader& table, const ColumnName& column) {
    const auto index = index_of(table, column.name);
    if (!index) throw UsageError(unknown_column(column, table.name() + " has", table.header()));
    return *index;
  }

  [[noreturn]] void refuse(const ColumnName& column) const {
    std::vector<std::string> known = file_->header();
    if (joined_) known.insert(known.end(), joined_->header().begin(), joined_->header().end());
    throw UsageError(
        unknown_column(column, file_->name() + (joined_ ? " and " + joined_->name() + " have" : " has"), known));
  }

  std::unique_ptr<RowReader> file_;
  std::unique_ptr<RowReader> joined_;
  std::size_t key_ = 0, joined_key_ = 0;
  std::vector<std::size_t> kept_;  ///< columns of the joined table
  std::unordered_map<std::string, JoinedRow> rows_;
  JoinedRow* partner_ = nullptr;
};

using Place = JoinedRows::Place;

class TableReader {
 public:
  TableReader(JoinedRows& rows, const ImportMap& map, const SearchSpace& space, const InputShape& input)
      : rows_(rows), map_(map), space_(space) {
    for (const ColumnName& column : map.arch_columns) arch_.push_back(rows.find(column));
    for (const MappedResult& result : map.results) add_source(result, input);
  }

  BenchmarkTable read(const Tick& tick) {
    while (rows_.next()) {
      if (tick && static_cast<std::size_t>(table_.num_rows) % kRowsATick == 0) tick(table_.num_rows);
      read_row();
      ++table_.num_rows;
    }
    const std::string& name = rows_.file().name();
    if (table_.num_rows == 0) throw UsageError(name + " has a header, but no row");
    if (table_.measured.empty())
      throw UsageError("no row of " + name + " has a value in a column that the map names as a metric");
    table_.num_joined_unused = rows_.num_unused();
    return std::move(table_);
  }

 private:
  struct Text {
    const std::string* constant = nullptr;
    std::optional<Place> place = {};
  };
  struct Number {
    Place place = {};
    double scale = 1;
    std::size_t metric = 0;  ///< place in metric_names
    bool is_fraction = false;
  };
  /// A result of the map with its columns found.
  struct Source {
    std::array<Text, 4> texts = {};  ///< dataset, split, fidelity, calibration
    Text seed = {};
    std::size_t built_for = 0;
    std::vector<Number> metrics = {};
    std::optional<Number> seconds = {};
  };

  Text find(const MappedText& text) {
    return {&text.constant, text.column ? std::optional(rows_.find(*text.column)) : std::nullopt};
  }

  static std::size_t place_in(auto& list, const auto& item) {
    const auto found = std::find(list.begin(), list.end(), item);
    if (found != list.end()) return static_cast<std::size_t>(found - list.begin());
    list.push_back(item);
    return list.size() - 1;
  }

  void add_source(const MappedResult& result, const InputShape& input) {
    Source source;
    source.texts = {find(result.dataset), find(result.split), find(result.fidelity), find(result.calibration)};
    source.seed = find(result.seed);
    const std::string shape =
        std::to_string(input.channels) + "x" + std::to_string(input.height) + "x" + std::to_string(input.width);
    try {
      source.built_for = place_in(
          table_.built_for, parse_input_shape(result.input.value_or(shape), result.classes.value_or(input.classes)));
    } catch (const UsageError& error) {
      throw UsageError(result.key + ": " + error.what());
    }
    for (const auto& [name, number] : result.metrics)
      source.metrics.push_back({rows_.find(number.column), number.scale, place_in(table_.metric_names, name),
                                name == "top1" || name == "top5"});
    if (result.seconds) source.seconds = Number{rows_.find(result.seconds->column), result.seconds->scale};
    sources_.push_back(std::move(source));
  }

  std::string_view text_of(const Text& text) const { return text.place ? rows_.cell(*text.place) : *text.constant; }

  std::optional<double> number_of(const Number& number) const {
    const std::string_view cell = rows_.cell(number.place);
    if (cell.empty() || std::find(map_.missing.begin(), map_.missing.end(), cell) != map_.missing.end())
      return std::nullopt;
    double value = 0;
    try {
      value = parse_number(cell, "") * number.scale;
    } catch (const UsageError&) {  // made here, not for each good cell: the place of the number is told with it
      throw UsageError(rows_.describe(number.place) + ": '" + printable(cell) +
                       "' is not a finite number; where it stands for no value, name it in the map's list \"missing\"");
    }
    if (!std::isfinite(value))
      throw UsageError(rows_.describe(number.place) + ": " + printable(cell) + " times the scale " +
                       exact(number.scale) + " is too large for a number");
    return value;
  }

  double metric_of(const Number& number, double value) const {
    if (number.is_fraction && !(value >= 0 && value <= 1))
      throw UsageError(rows_.describe(number.place) + ": " + table_.metric_names[number.metric] + " = " + exact(value) +
                       " is out of range; allowed: 0 to 1" +
                       (number.scale == 1 ? " (for percent, give the column a \"scale\" of 0.01 in the map)"
                                          : " after scaling by " + exact(number.scale)));
    return value;
  }

  Architecture architecture() const {
    std::string text = map_.arch_texts[0];
    for (std::size_t i = 0; i < arch_.size(); ++i) text.append(rows_.cell(arch_[i])).append(map_.arch_texts[i + 1]);
    try {
      return space_.parse(text);
    } catch (const UsageError& error) {
      const bool plain = arch_.size() == 1 && map_.arch_texts[0].empty() && map_.arch_texts[1].empty();
      throw InvalidArchitecture(rows_.describe(arch_[0]) +
                                (plain ? "" : " (architecture '" + printable(text, 200) + "')") + ": " + error.what());
    }
  }

  std::size_t network_of(const Architecture& arch) {
    const auto [found, is_new] = networks_.try_emplace(arch, table_.networks.size());
    if (is_new) table_.networks.push_back({.arch = arch});
    return found->second;
  }

  std::size_t protocol_of(const Source& source) {
    Protocol protocol{.evaluator = "benchmark",
                      .dataset = std::string(text_of(source.texts[0])),
                      .split = std::string(text_of(source.texts[1])),
                      .fidelity = std::string(text_of(source.texts[2])),
                      .calibration = std::string(text_of(source.texts[3]))};
    const std::string_view seed = text_of(source.seed);
    protocol.seed = parse_integer(seed, source.seed.place ? rows_.describe(*source.seed.place) : std::string("seed"));
    const auto [found, is_new] = protocols_.try_emplace(std::move(protocol), table_.protocols.size());
    if (is_new) {
      for (const Text& text : source.texts) check_text(text);
      table_.protocols.push_back(found->first);
    }
    return found->second;
  }

  /// What the map's reader checks of texts that are the same for every row.
  void check_text(const Text& text) const {
    if (!text.place) return;
    const std::string value(rows_.cell(*text.place));
    const auto refuse = [&](const std::string& what) {
      throw UsageError(rows_.describe(*text.place) + ": '" + printable(value) + "' " + what);
    };
    if (value.empty()) refuse("is empty, but the map takes the way of measuring from this column");
    if (value.size() > kLongestText) refuse("is longer than " + std::to_string(kLongestText) + " bytes");
    if (!is_utf8(value)) refuse("is not valid UTF-8 text");
    if (printable(value, kLongestText) != value) refuse("holds control characters, or such as hide or turn text");
  }

  BenchmarkTable::Measured& measured(std::size_t network, std::size_t protocol, std::size_t built_for) {
    const auto [found, is_new] = places_.try_emplace({network, protocol, built_for}, table_.measured.size());
    if (is_new) table_.measured.push_back({.network = network, .protocol = protocol, .built_for = built_for});
    return table_.measured[found->second];
  }

  void add(RunningMean& mean, const Number& number, double value) const {
    mean.add(value);
    if (!std::isfinite(mean.sum))
      throw UsageError(rows_.describe(number.place) + ": " + exact(value) +
                       " makes the sum of this network's rows too large for a number, so there is no mean");
  }

  void read_row() {
    const Architecture arch = architecture();
    std::optional<std::size_t> network;
    for (const Source& source : sources_) {
      BenchmarkTable::Measured* into = nullptr;
      for (const Number& number : source.metrics) {
        const auto value = number_of(number);
        if (!value) continue;
        if (into == nullptr) {
          if (!network) network = network_of(arch);
          into = &measured(*network, protocol_of(source), source.built_for);
        }
        auto& means = into->metrics;
        auto mean = std::find_if(means.begin(), means.end(), [&](const auto& m) { return m.first == number.metric; });
        if (mean == means.end()) mean = means.insert(means.end(), {number.metric, {}});
        add(mean->second, number, metric_of(number, *value));
      }
      if (into == nullptr || !source.seconds) continue;
      const auto seconds = number_of(*source.seconds);
      if (seconds && *seconds < 0)
        throw UsageError(rows_.describe(source.seconds->place) + ": seconds = " + exact(*seconds) +
                         " must not be negative");
      if (seconds) add(into->seconds, *source.seconds, *seconds);
    }
    network ? ++table_.networks[*network].num_rows : ++table_.num_rows_without_value;
  }

  JoinedRows& rows_;
  const ImportMap& map_;
  const SearchSpace& space_;
  std::vector<Place> arch_;
  std::vector<Source> sources_;
  BenchmarkTable table_;
  std::unordered_map<Architecture, std::size_t> networks_;
  std::map<Protocol, std::size_t> protocols_;
  std::map<std::array<std::size_t, 3>, std::size_t> places_;
};

}  // namespace

std::int64_t BenchmarkTable::num_averaged() const {
  return std::count_if(networks.begin(), networks.end(), [](const Network& n) { return n.num_rows > 1; });
}

BenchmarkTable read_benchmark_table(TableSource file, std::optional<TableSource> joined, const ImportMap& map,
                                    const SearchSpace& space, const InputShape& input, const Tick& tick) {
  JoinedRows rows(std::move(file), std::move(joined), map.join_on);
  TableReader reader(rows, map, space, input);
  rows.read_joined(tick);
  return reader.read(tick);
}

StoredTable store_benchmark_table(Store& store, const BenchmarkTable& table, const SearchSpace& space,
                                  const RunInfo& run, const Tick& tick) {
  std::vector<CostTable> costs;
  for (const InputShape& input : table.built_for) costs.push_back(space.cost_table(input));
  std::vector<std::string> notations;
  for (const auto& network : table.networks) notations.push_back(space.to_string(network.arch));

  StoredTable result;
  Store::Transaction transaction(store);
  result.run = store.begin_run(run);
  std::vector<Evaluation> batch;
  for (std::size_t i = 0; i < table.measured.size(); ++i) {
    const auto& measured = table.measured[i];
    const Architecture& arch = table.networks[measured.network].arch;
    const auto [macs, params] = costs[measured.built_for].macs_and_params(arch);
    Evaluation& e = batch.emplace_back();
    e.architecture = {.space = space.name(),
                      .canonical = notations[measured.network],
                      .built_for = to_string(table.built_for[measured.built_for]),
                      .arch = notations[measured.network],
                      .macs = macs,
                      .params = params};
    e.protocol = table.protocols[measured.protocol];
    for (const auto& [metric, mean] : measured.metrics) e.metrics.emplace(table.metric_names[metric], mean.mean());
    if (measured.seconds.count > 0) e.seconds = measured.seconds.mean();
    e.run = result.run;
    if (batch.size() < kEvaluationsATick && i + 1 < table.measured.size()) continue;
    const Recorded recorded = store.record_agreeing(batch);
    result.recorded.new_evaluations += recorded.new_evaluations;
    result.recorded.new_values += recorded.new_values;
    result.recorded.known_values += recorded.known_values;
    batch.clear();
    if (tick) tick(static_cast<std::int64_t>(i + 1));
  }
  if (result.recorded.new_values == 0) {  // rolled back: a table imported again changes nothing, not even the runs
    result.run.reset();
    return result;
  }
  store.update_run(*result.run, {.state = RunState::kDone, .progress = 1.0, .message = ""});
  transaction.commit();
  return result;
}

}  // namespace frontier
