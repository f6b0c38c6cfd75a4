// Wrong input to the real program, for the commands that need no LibTorch: each gets the right exit code and one
// message with the telling words, and leaves every file as it was. bad_input_engine_test.cpp does the same for train,
// search and evaluate.

#include "support/bad_input.h"

#include <sqlite3.h>

#include <filesystem>
#include <memory>

#include "support/sample_report_db.h"

namespace frontier {
namespace {

using testing_support::BadInput;
using testing_support::Outcome;
using testing_support::Program;

const std::string kArch = "8 | 8: k3e2 | 16: k3e2 | 32: k3e2";

void change_database(const std::string& path, const std::string& sql) {
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
  sqlite3_close(db);
}

/// Files that the cases name, made once for all of them.
class WrongInput : public testing_support::BadInputTest {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<testing::TemporaryFolder>();
    const auto& f = *folder_;
    {
      Store store(f / "good.db", Store::Mode::kReadWrite);
      write_sample(store, {.num_results = 50, .num_steps = 20});
    }
    std::filesystem::copy_file(f / "good.db", f / "newer.db");
    change_database(f / "newer.db", "PRAGMA user_version = 99");
    change_database(f / "foreign.db", "CREATE TABLE people (name TEXT)");
    write_file(f / "cut.db", read_file(f / "good.db").substr(0, 20000));
    write_file(f / "noise.db", std::string(4096, 'x'));
    write_file(f / "empty", "");
    write_file(f / "archs.txt", kArch + "\n\n8 | 8: k9e2 | 16: k3e2 | 32: k3e2\n");
    std::string binary;
    for (int i = 0; i < 1024; ++i) binary += static_cast<char>(i);
    write_file(f / "binary", binary);
    std::filesystem::create_directory(f / "folder");
    std::filesystem::create_symlink("/dev/full", f / "full");
  }
};

TEST_F(WrongInput, InUsage) {
  expect_all_refused(
      {BadInput{"UnknownCommand", {"trian"}, 2, {"unknown command 'trian'", "did you mean 'train'?", "pareto"}},
       BadInput{"NoCommand", {}, 2, {"which command?", "search"}},
       BadInput{"UnknownOption",
                {"cost", "--spaec", "mobile_cnn"},
                2,
                {"'--spaec'", "did you mean '--space'?", "frontier cost --help"}},
       BadInput{"MissingOption", {"cost"}, 2, {"--space is required"}},
       BadInput{"ExtraArgument", {"runs", "7"}, 2, {"unexpected argument '7'"}},
       BadInput{"OptionWithoutValue", {"runs", "--db"}, 2, {"--db"}},
       BadInput{"NumberThatIsNone",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--classes", "ten"},
                2,
                {"--classes", "ten"}}});
}

TEST_F(WrongInput, InSpaces) {
  expect_all_refused(
      {BadInput{"UnknownSpace",
                {"spaces", "mobil_cnn"},
                2,
                {"unknown search space 'mobil_cnn'", "did you mean 'mobile_cnn'?", "nas_bench_macro"}},
       BadInput{"SpaceWithNewline", {"spaces", "mobile\ncnn"}, 2, {"'mobile\\x0acnn'"}},
       BadInput{"BudgetBelowCheapest",
                {"spaces", "mobile_cnn", "--max-macs", "10"},
                2,
                {"max_macs = 10", "cheapest", "250096 MACs", "raise it"}},
       BadInput{"BudgetsContradict",
                {"spaces", "mobile_cnn", "--max-macs", "1M", "--min-macs", "2M"},
                2,
                {"min_macs = 2000000 is above max_macs = 1000000"}},
       BadInput{"BudgetAboveDearest",
                {"spaces", "mobile_cnn", "--min-macs", "10G"},
                2,
                {"min_macs = 10000000000", "6043264 MACs"}},
       BadInput{"BudgetWithoutASpace", {"spaces", "--max-macs", "1M"}, 2, {"frontier spaces NAME --max-macs"}},
       BadInput{"SeedBeyond64Bits",
                {"search", "--checkpoint", "a", "--seed", "99999999999999999999999"},
                2,
                {"--seed", "99999999999999999999999 is out of range; allowed: 0 to 9007199254740992"}},
       BadInput{"SeedNegative", {"pareto", "--seed", "-1"}, 2, {"--seed", "-1 is out of range; allowed: 0 to"}},
       BadInput{"LimitWithRest", {"pareto", "--limit", "3x"}, 2, {"--limit", "'3x' is not a whole number"}},
       BadInput{"DrawsWithoutASpace", {"spaces", "--draw", "3"}, 2, {"frontier spaces NAME --draw"}},
       BadInput{"NoDraws", {"spaces", "mobile_cnn", "--draw", "0"}, 2, {"--draw"}},
       BadInput{"SeedWithoutDraws", {"spaces", "mobile_cnn", "--seed", "1"}, 2, {"--seed", "--draw"}},
       BadInput{"DrawsFromNothing",
                {"spaces", "mobile_cnn", "--draw", "3", "--max-macs", "1k"},
                2,
                {"max_macs = 1000 is below the cheapest subnet"}},
       BadInput{"BudgetEmpty", {"spaces", "mobile_cnn", "--max-macs", ""}, 2, {"--max-macs", "empty"}},
       BadInput{"BudgetNegative", {"spaces", "mobile_cnn", "--max-macs", "-3"}, 2, {"--max-macs", "'-3'", "600k"}},
       BadInput{"BudgetHuge", {"spaces", "mobile_cnn", "--max-params", "1e30"}, 2, {"'1e30' is too large"}},
       BadInput{"InputShort",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--input", "3x32"},
                2,
                {"'3x32'", "channels x height x width"}},
       BadInput{"InputNotNumbers",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--input", "3xax3"},
                2,
                {"'a' is not a whole number"}},
       BadInput{"InputZero",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--input", "0x28x28"},
                2,
                {"'0x28x28'", "1 to 65536"}},
       BadInput{"ClassesOne",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--classes", "1"},
                2,
                {"classes = 1", "2 to 1000000"}},
       BadInput{"ClassesNegative",
                {"cost", "--space", "mobile_cnn", "--arch", kArch, "--classes", "-4"},
                2,
                {"classes = -4"}}});
}

TEST_F(WrongInput, InArchitectures) {
  expect_all_refused(
      {BadInput{"None", {"cost", "--space", "mobile_cnn"}, 2, {"which architecture?", "--archs"}},
       BadInput{
           "StageMissing", {"cost", "--space", "mobile_cnn", "--arch", "8 | 8: k3e2"}, 2, {"stage 1", "it is missing"}},
       BadInput{"DigitNotAllowed",
                {"cost", "--space", "nas_bench_macro", "--arch", "22212229"},
                2,
                {"digit 8", "allowed are 0"}},
       BadInput{
           "TooShort", {"cost", "--space", "nas_bench_macro", "--arch", "222"}, 2, {"has 3 characters", "22212220"}},
       BadInput{"JsonCutOff",
                {"cost", "--space", "mobile_cnn", "--arch", "{\"a\":"},
                2,
                {"not valid JSON", "line 1, column 6"}},
       BadInput{"JsonNestedDeeply",
                {"cost", "--space", "mobile_cnn", "--arch", "{\"a\":" + testing_support::nested(20000) + "}"},
                2,
                {"nests deeper than 100 levels"}},
       BadInput{"UnknownDecision",
                {"cost", "--space", "mobile_cnn", "--arch", "{\"stem.widht\": 8}"},
                2,
                {"stem.widht", "did you mean 'stem.width'?"}},
       BadInput{"BadLineInFile",
                {"cost", "--space", "mobile_cnn", "--archs", "archs.txt"},
                2,
                {"archs.txt, line 3", "'9' is not allowed", "3, 5, 7"}},
       BadInput{
           "BinaryFile", {"cost", "--space", "mobile_cnn", "--archs", "binary"}, 2, {"binary, line 1", "\\x00\\x01"}},
       BadInput{"EmptyFile", {"cost", "--space", "mobile_cnn", "--archs", "empty"}, 2, {"empty holds no architecture"}},
       BadInput{"FolderAsFile",
                {"cost", "--space", "mobile_cnn", "--archs", "folder"},
                2,
                {"cannot read folder", "it is a folder"}},
       BadInput{"NoFile",
                {"cost", "--space", "mobile_cnn", "--archs", "no\nfile"},
                2,
                {"cannot read no\\x0afile", "No such file"}}});
}

TEST_F(WrongInput, InDatabases) {
  expect_all_refused(
      {BadInput{"NotThere", {"runs", "--db", "none.db"}, 2, {"no results database at none.db", "--db"}},
       BadInput{"NoName", {"runs", "--db", ""}, 2, {"database ''"}},
       BadInput{"Folder", {"pareto", "--db", "folder"}, 2, {"folder is a folder; give a file"}},
       BadInput{"Device", {"runs", "--db", "/dev/null"}, 2, {"/dev/null is a device"}},
       BadInput{"NotSqlite", {"runs", "--db", "noise.db"}, 2, {"noise.db is not a SQLite database"}},
       BadInput{"EmptyFile", {"report", "--db", "empty", "--out", "r.html"}, 2, {"empty is an empty database"}},
       BadInput{"Newer",
                {"pareto", "--db", "newer.db"},
                2,
                {"newer.db has schema version 99", "knows up to", "newer Frontier"}},
       BadInput{"Foreign", {"runs", "--db", "foreign.db"}, 2, {"another program", "people"}},
       BadInput{"Truncated", {"runs", "--db", "cut.db"}, 1, {"cut.db is damaged", "restore a copy"}},
       BadInput{"OtherScheme", {"runs", "--db", "sqlite://host/x"}, 2, {"'sqlite://host/x'", "sqlite:///path"}},
       BadInput{"NoSuchRun", {"runs", "--db", "good.db", "--run", "99"}, 2, {"no run 99", "1 to 2"}},
       BadInput{
           "NoSuchRunName", {"report", "--db", "good.db", "--out", "r.html", "--run", "nosuch"}, 2, {"'nosuch'"}}});
}

TEST_F(WrongInput, InQueries) {
  expect_all_refused(
      {BadInput{"MixedProtocols",
                {"pareto", "--db", "good.db", "--evaluator", "supernet"},
                2,
                {"2 protocols", "\n  frontier pareto --split ", "--mix-protocols", "\n  split"}},
       BadInput{"UnknownMetric",
                {"pareto", "--db", "good.db", "--split", "test", "--objectives", "topp:max"},
                2,
                {"unknown objective 'topp'", "did you mean 'top1'?"}},
       BadInput{"ObjectiveNonsense",
                {"pareto", "--db", "good.db", "--objectives", "nonsense"},
                2,
                {"'nonsense'", "name:min or name:max"}},
       BadInput{"ObjectiveDirection", {"pareto", "--db", "good.db", "--objectives", "top1:mx"}, 2, {"'top1:mx'"}},
       BadInput{"ObjectiveEmpty", {"pareto", "--db", "good.db", "--objectives", ""}, 2, {"objective ''"}},
       BadInput{"ObjectiveTwice",
                {"pareto", "--db", "good.db", "--objectives", "top1:max,top1:min"},
                2,
                {"'top1' is given twice"}},
       BadInput{
           "UnknownSplit", {"pareto", "--db", "good.db", "--split", "tset"}, 2, {"'tset'", "did you mean 'test'?"}},
       BadInput{"LimitZero",
                {"pareto", "--db", "good.db", "--limit", "0"},
                2,
                {"--limit", "0 is out of range; allowed: 1 to"}},
       BadInput{"WhereInjection",
                {"pareto", "--db", "good.db", "--where", "top1>0; DROP TABLE runs"},
                2,
                {"position 7", "'; DROP TABLE runs'"}},
       BadInput{"WhereQuote",
                {"pareto", "--db", "good.db", "--where", "' OR 1=1 --"},
                2,
                {"position 1", "expected a field"}},
       BadInput{"WhereOr",
                {"pareto", "--db", "good.db", "--where", "macs<=4M or top1>0"},
                2,
                {"position 10", "expected 'and'"}},
       BadInput{"WhereNan", {"pareto", "--db", "good.db", "--where", "macs<=nan"}, 2, {"position 7", "'nan'"}},
       BadInput{"WhereUnknownField",
                {"pareto", "--db", "good.db", "--where", "topp>1"},
                2,
                {"'topp'", "did you mean 'top1'?"}},
       BadInput{"WhereCutOff",
                {"pareto", "--db", "good.db", "--where", "macs<=4M and"},
                2,
                {"position 13", "the text ends"}}});
}

TEST_F(WrongInput, InReports) {
  expect_all_refused({BadInput{"OutIsFolder",
                               {"report", "--db", "good.db", "--out", "folder"},
                               2,
                               {"--out folder is a folder", "report.html"}},
                      BadInput{"OutIsEmpty", {"report", "--db", "good.db", "--out", ""}, 2, {"--out ''"}},
                      BadInput{"OutInNoFolder",
                               {"report", "--db", "good.db", "--out", "none/r.html"},
                               1,
                               {"cannot write none/r.html", "No such file"}},
                      BadInput{"OutWhereNothingCanBe",
                               {"report", "--db", "good.db", "--out", "/proc/r.html"},
                               1,
                               {"cannot write /proc/r.html"}},
                      BadInput{"FullDisk",
                               {"report", "--db", "good.db", "--out", "full"},
                               1,
                               {"cannot write full", "No space left on device"}}});
}

TEST(SpecialFiles, AreWrittenIntoAndNotReplaced) {
  const testing::TemporaryFolder folder;
  {
    Store store(folder / "good.db", Store::Mode::kReadWrite);
    write_sample(store, {.num_results = 5, .num_steps = 5});
  }
  std::filesystem::create_symlink("/dev/null", folder / "null");
  const Outcome outcome = Program(folder.path().string()).run({"report", "--db", "good.db", "--out", "null"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "null"));
  EXPECT_TRUE(std::filesystem::is_character_file(folder / "null"));
}

TEST(ReadOnlyFolder, LeavesTheDatabaseReadableAndTheReportUnwritten) {
  const testing::TemporaryFolder folder;
  {
    Store store(folder / "good.db", Store::Mode::kReadWrite);
    write_sample(store, {.num_results = 5, .num_steps = 5});
  }
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0555));
  std::filesystem::permissions(folder / "good.db", std::filesystem::perms(0444));
  const bool root = ::geteuid() == 0;
  const Program program(folder.path().string());
  const Outcome readable = program.run({"runs", "--db", "good.db"}, root);
  if (readable.exit_code == 97 || readable.exit_code == 98) GTEST_SKIP() << "cannot run the program as another user";
  EXPECT_EQ(readable.exit_code, 0) << readable.err;
  const auto before = testing_support::checksums(folder.path());
  testing_support::expect_refused(program.run({"report", "--db", "good.db", "--out", "r.html"}, root),
                                  {"", {}, 1, {"cannot write r.html", "Permission denied"}});
  EXPECT_EQ(testing_support::checksums(folder.path()), before);
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
}

}  // namespace
}  // namespace frontier
