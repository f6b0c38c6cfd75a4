#include <algorithm>
#include <memory>

#include "apps/command.h"
#include "apps/output.h"
#include "apps/progress.h"
#include "apps/space_options.h"
#include "common/data_file.h"
#include "common/errors.h"
#include "common/options.h"
#include "common/text.h"
#include "search_spaces/registry.h"
#include "tables/benchmark_table.h"

namespace frontier {
namespace {

struct ImportOptions : CommonOptions, BuiltFor {
  std::string file;
  std::string joined;
  std::string map;
  std::string space;
  std::string name;
};

void stop_if_interrupted() {
  if (interrupted()) throw Interrupted("stopped; nothing was imported");
}

TableSource source_of(const std::shared_ptr<DataFile>& file, const std::string& path) {
  return {path, [file](std::span<char> out) {
            return file->read_some(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
          }};
}

std::shared_ptr<DataFile> open_input(const std::string& path) {
  return path == "-" ? DataFile::standard_input() : std::make_unique<DataFile>(path);
}

BenchmarkTable read_table(const ImportOptions& options, const ImportMap& map, const SearchSpace& space) {
  const auto file = open_input(options.file);
  std::optional<TableSource> joined;
  if (!options.joined.empty()) joined = source_of(open_input(options.joined), name_of_input(options.joined));
  constexpr std::uint64_t kKilo = 1000;
  const auto total = static_cast<std::int64_t>(file->file_bytes() / kKilo + 1);
  Progress progress("read", total, "kB", options.quiet);
  // The file is read ahead of its rows, so the last of them are told together at the end.
  const auto tick = [&](std::int64_t) {
    stop_if_interrupted();
    progress.update(std::min(total - 1, static_cast<std::int64_t>(file->file_position() / kKilo)), "");
  };
  BenchmarkTable table = read_benchmark_table(source_of(file, name_of_input(options.file)), std::move(joined), map,
                                              space, options.input_of(space), tick);
  progress.update(total, std::to_string(table.num_rows) + " rows");
  return table;
}

StoredTable store_table(const ImportOptions& options, const BenchmarkTable& table, const SearchSpace& space,
                        const RunInfo& run) {
  Store store(options.db, Store::Mode::kReadWrite);
  Progress progress("store", static_cast<std::int64_t>(table.measured.size()), "evaluations", options.quiet);
  return store_benchmark_table(store, table, space, run, [&](std::int64_t done) {
    stop_if_interrupted();
    progress.update(done, "");
  });
}

std::string counted(std::int64_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

std::string summary(const BenchmarkTable& table, const StoredTable& stored) {
  const auto networks = static_cast<std::int64_t>(table.networks.size());
  std::string text = counted(table.num_rows, "row") + ", " + counted(networks, "architecture");
  if (const std::int64_t averaged = table.num_averaged(); averaged > 0)
    text += " (" + std::to_string(averaged) + " of them the mean of several rows)";
  if (table.num_rows_without_value > 0)
    text += "; " + counted(table.num_rows_without_value, "row") + " without a value";
  if (table.num_joined_unused > 0) text += "; " + counted(table.num_joined_unused, "joined row") + " without a partner";
  text += "\n" + counted(static_cast<std::int64_t>(table.measured.size()), "evaluation") + ": " +
          std::to_string(stored.recorded.new_evaluations) + " new; " +
          counted(static_cast<std::int64_t>(stored.recorded.new_values), "value") + " stored, " +
          std::to_string(stored.recorded.known_values) + " were there already";
  return text + "\n" + (stored.run ? "run " + std::to_string(*stored.run) : "nothing changed, so no run is stored") +
         "\n";
}

nlohmann::ordered_json json_document(const BenchmarkTable& table, const StoredTable& stored, const SearchSpace& space) {
  nlohmann::ordered_json document;
  document["run"] = stored.run ? nlohmann::ordered_json(*stored.run) : nlohmann::ordered_json();
  document["space"] = space.name();
  document["rows"] = table.num_rows;
  document["rows_without_value"] = table.num_rows_without_value;
  document["joined_rows_unused"] = table.num_joined_unused;
  document["architectures"] = table.networks.size();
  document["averaged"] = table.num_averaged();
  document["evaluations"] = table.measured.size();
  document["new_evaluations"] = stored.recorded.new_evaluations;
  document["new_values"] = stored.recorded.new_values;
  document["known_values"] = stored.recorded.known_values;
  return document;
}

void run_import(const ImportOptions& options) {
  catch_interrupts();
  const std::string inputs[] = {options.file, options.joined, options.map};
  if (std::count(std::begin(inputs), std::end(inputs), "-") > 1)
    throw UsageError("- is standard input, which can be read once only: for the table, --join or --map");
  const auto space = make_space(options.space);
  const nlohmann::json json = parse_json(read_input(options.map), name_of_input(options.map));
  const ImportMap map = read_import_map(json, options.map);
  const BenchmarkTable table = read_table(options, map, *space);
  nlohmann::json config{{"file", printable(options.file, 4000)}, {"map", json}};
  if (!options.joined.empty()) config["join"] = printable(options.joined, 4000);
  config["built_for"] = to_string(options.input_of(*space));
  RunInfo run{.kind = "import", .name = options.name, .space = space->name()};
  run.config = config.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  run.version = FRONTIER_VERSION;
  const StoredTable stored = store_table(options, table, *space, run);
  if (options.json) return print_json(json_document(table, stored, *space));
  print(summary(table, stored));
}

}  // namespace

void add_import_command(CLI::App& app) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command =
      app.add_subcommand("import", "Results of a tabular benchmark, from comma-separated values or JSON");
  add_common_options(*command, *options);
  command
      ->add_option("file", options->file,
                   "The table: CSV with a header line (also with tabs or semicolons) or JSON, plain or gzip; - is "
                   "standard input")
      ->required();
  command->add_option("--space", options->space, "The search space of its architectures")->required();
  command->add_option("--map", options->map, "JSON that says which column means what (docs/import.md)")
      ->required()
      ->check(not_empty());
  command->add_option("--join", options->joined, "A second table whose columns are added where the map's key is equal")
      ->check(not_empty());
  add_built_for(*command, *options);
  command->add_option("--name", options->name, "A name for the run");
  command->footer(
      "Rows of the same network (canonical form) under the same protocol are averaged. Everything is read and checked "
      "first and stored in one step: a bad row stores nothing. The same table again changes nothing; a value that "
      "differs from the one stored is refused. Maps of published tables are in benchmarks/maps.\n"
      "Example: frontier import nb201.csv.gz --space nas_bench_201 --map benchmarks/maps/nb201.json");
  command->callback([options] { run_import(*options); });
}

}  // namespace frontier
