// What a query costs is decided by its plan: nothing large may be read again for every row of something else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <utility>

#include "common/files.h"
#include "common/text.h"
#include "db/store.h"
#include "sample.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

const std::set<std::string> kLarge{"evaluations", "architectures", "notations",      "metrics",
                                   "curves",      "statistics",    "run_evaluations"};

/// Large tables of a statement by the names that its plan gives them.
std::map<std::string, std::string> large_tables(const std::string& sql) {
  std::map<std::string, std::string> names;
  static const std::regex kTable(R"((FROM|JOIN|,|INTO|UPDATE)\s+([a-z_]+)(\s+([a-z][a-z0-9]?))?\b)");
  for (std::sregex_iterator it(sql.begin(), sql.end(), kTable), end; it != end; ++it)
    if (kLarge.contains((*it)[2])) names[(*it)[4].matched ? (*it)[4] : (*it)[2]] = (*it)[2];
  return names;
}

/// Lines of the plan that read a large table whole, or all values of a metric, for every row of another large one.
std::vector<std::string> repeated_reads(const std::string& file, const std::string& sql) {
  std::string with_view = sql;
  if (std::regex_search(sql, std::regex(R"(\bFROM results\b)")))
    with_view += cell_of(file, "SELECT sql FROM sqlite_master WHERE name = 'results'");
  const auto names = large_tables(with_view);
  std::vector<std::string> found;
  bool is_first = true;                                                        // of the large ones
  for (const std::string& row : rows_of(file, "EXPLAIN QUERY PLAN " + sql)) {  // id|parent|0|detail
    const auto cells = split(row, '|');
    static const std::regex kLoop(R"(^(SCAN|SEARCH) ([a-z0-9_]+)(.*)$)");
    std::smatch loop;
    if (!std::regex_match(cells[3], loop, kLoop)) continue;
    const auto table = names.find(loop[2]);
    if (table == names.end()) continue;
    if (std::exchange(is_first, false) && cells[1] == "0") continue;
    const bool is_metric_alone = table->second == "metrics" && loop[3].str().find("evaluation") == std::string::npos;
    const bool is_built = loop[3].str().find("AUTOMATIC") != std::string::npos;
    if (loop[1] == "SCAN" || is_metric_alone || is_built) found.push_back(cells[3]);
  }
  return found;
}

/// The statements of every connection that this process opens while it lives.
class Statements {
 public:
  Statements() {
    seen().clear();
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&watch));
  }
  ~Statements() { sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&watch)); }
  Statements(const Statements&) = delete;
  Statements& operator=(const Statements&) = delete;

  /// Those that have a plan.
  static std::set<std::string> planned() {
    std::set<std::string> found;
    for (const std::string& sql : seen())
      if (std::regex_search(sql, std::regex("^(SELECT|INSERT|UPDATE|DELETE) "))) found.insert(sql);
    return found;
  }

 private:
  static std::set<std::string>& seen() {
    static std::set<std::string> statements;
    return statements;
  }
  static int watch(sqlite3* db, const char**, const sqlite3_api_routines*) {
    return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, &take, nullptr);
  }
  static int take(unsigned, void*, void* statement, void*) {
    if (const char* sql = sqlite3_sql(static_cast<sqlite3_stmt*>(statement))) seen().insert(sql);
    return 0;
  }
};

/// "sqlite3 frontier.db "..."" as the documents have it.
std::vector<std::string> documented_queries() {
  const std::filesystem::path root = std::getenv("FRONTIER_SOURCE_DIR");
  std::vector<std::filesystem::path> pages{root / "README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  std::vector<std::string> queries;
  for (const auto& page : pages)
    for (const std::string& line : split(read_file(page), '\n')) {
      static const std::regex kExample(R"re(^sqlite3 \S+\.db "(.*)"$)re");
      std::smatch example;
      if (std::regex_match(line, example, kExample)) queries.push_back(example[1]);
      EXPECT_TRUE(!line.starts_with("sqlite3 ") || !example.empty()) << page << ": " << line;
    }
  return queries;
}

class QueryPlans : public ::testing::TestWithParam<bool> {
 protected:
  /// A search, its training and two tables, with as many metrics as an import has.
  void SetUp() override {
    Store store(file_, Store::Mode::kReadWrite);
    store.begin_run({.kind = "train", .name = "first", .space = "toy"});
    store.add_points(1, std::vector<CurvePoint>{{1, "train/loss", 2}, {2, "train/loss", 1}});
    std::vector<Evaluation> all;
    for (int i = 0; i < 60; ++i)
      for (const char* split : {"search", "test"}) {
        Evaluation e = sample("a" + std::to_string(i), 0.01 * i, 1000 + i);
        e.protocol.split = split;
        e.metrics["images"] = 5000;
        for (int m = 0; m < 20; ++m) e.metrics["latency_ms.device" + std::to_string(m)] = i + m;
        e.run = 1;
        e.statistics = "tensors";
        all.push_back(e);
      }
    store.record(all);
    if (GetParam()) rows_of(file_, "ANALYZE");
  }

  testing::TemporaryFolder folder_;
  std::string file_ = folder_ / "results.db";
};

TEST_P(QueryPlans, OfEveryDocumentedQueryReadNothingLargeAgainAndAgain) {
  const auto queries = documented_queries();
  ASSERT_GE(queries.size(), 2U);
  for (const std::string& sql : queries) EXPECT_THAT(repeated_reads(file_, sql), ::testing::IsEmpty()) << sql;
}

TEST_P(QueryPlans, OfTheViewReadNothingLargeAgainAndAgain) {
  for (const char* sql :
       {"SELECT * FROM results", "SELECT metrics FROM results WHERE split = 'test'",
        "SELECT metrics FROM results WHERE evaluation = 7", "SELECT metrics FROM results WHERE run = 1 AND top1 > 0.5",
        "SELECT arch FROM results WHERE space = 'toy' AND canonical = 'a3'"})
    EXPECT_THAT(repeated_reads(file_, sql), ::testing::IsEmpty()) << sql;
}

TEST_P(QueryPlans, OfEveryStatementOfTheStoreReadNothingLargeAgainAndAgain) {
  const Statements statements;
  {
    Store store(file_, Store::Mode::kReadWrite);
    const Evaluation known = store.results({}, 1).front();
    const std::vector<Filter> filters{{},
                                      {.run = 1},
                                      {.space = "toy"},
                                      {.run = 1, .space = "toy", .split = "test"},
                                      {.split = "test", .where = parse_where("macs<=1030 and latency_ms.device3<40")},
                                      {.where = parse_where("top1>0.2 and seed=0 and seconds<1")}};
    for (const Filter& filter : filters) {
      store.results(filter);
      for (const auto& table : store.tables(filter)) store.table_results(table);
      for (const char* objectives : {"top1:max,macs:min", "macs:min", "seconds:min,top1:max",
                                     "latency_ms.device1:min,latency_ms.device2:min,top1:max,params:min"}) {
        store.pareto(parse_objectives(objectives), filter, Mixing::kAllow);
        store.pareto_of_means(parse_objectives(objectives), filter, Mixing::kAllow);
      }
    }
    const StoredArchitecture& a = known.architecture;
    store.find_many(a.space, a.built_for, std::vector<std::string>{"a1", "a2", "none"}, known.protocol);
    store.statistics(a.space, a.built_for, a.canonical, known.protocol.checkpoint, known.protocol.calibration);
    store.record({&known, 1});
    store.record_agreeing({&known, 1});
    store.link(1, std::vector<std::int64_t>{1, 2});
    store.find_run("first");
    store.find_run("1");
    store.runs({.id = 1, .kind = "train", .space = "toy"});
    store.runs();
    store.add_points(1, std::vector<CurvePoint>{{3, "train/loss", 2}});
    store.curve(1, "train/loss");
    store.curve_names(1);
    store.put_run_state(1, "search", "{}");
    store.get_run_state(1, "search");
    store.update_run(1, {.state = RunState::kDone, .progress = 1.0, .message = "done"});
  }
  const auto seen = statements.planned();
  EXPECT_GT(seen.size(), 40U);
  for (const std::string& sql : seen) EXPECT_THAT(repeated_reads(file_, sql), ::testing::IsEmpty()) << sql;
}

TEST_P(QueryPlans, AreSeenToBeBadByTheseTests) {
  EXPECT_THAT(
      repeated_reads(file_, "SELECT (SELECT count(value) FROM metrics m WHERE m.value < e.id) FROM evaluations e"),
      ::testing::ElementsAre("SCAN m"));
  EXPECT_EQ(
      repeated_reads(file_, "SELECT * FROM evaluations e CROSS JOIN metrics m WHERE m.metric = 1 AND m.value > e.id")
          .size(),
      1U);
}

INSTANTIATE_TEST_SUITE_P(, QueryPlans, ::testing::Bool(),
                         [](const auto& param) { return param.param ? "AfterAnalyze" : "AsMade"; });

TEST(DocumentedQueries, GiveRowsOnWhatTheQuickstartLeaves) {
  const testing::TemporaryFolder folder;
  const std::string file = folder / "frontier.db";
  {
    Store store(file, Store::Mode::kReadWrite);
    for (const char* split : {"search", "test"}) {
      Evaluation e = sample("a");
      e.protocol.split = split;
      e.metrics["images"] = 5000;
      add(store, e);
    }
  }
  for (const std::string& sql : documented_queries()) {
    const auto rows = rows_of(file, sql);
    EXPECT_FALSE(rows.empty()) << sql;
    for (const std::string& row : rows) EXPECT_THAT(row, ::testing::Not(::testing::HasSubstr("NULL"))) << sql;
  }
}

}  // namespace
}  // namespace frontier
