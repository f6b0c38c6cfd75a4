// `help`, -V and `completion`, for which nothing but the program is needed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "common/text.h"
#include "search_spaces/registry.h"
#include "support/bad_input.h"

namespace frontier {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;
using testing_support::Outcome;
using testing_support::Program;
using Words = std::vector<std::string>;

class Help : public ::testing::Test {
 protected:
  std::string output_of(const Words& arguments) const {
    const Outcome outcome = Program(folder_.path().string()).run(arguments);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }
  frontier::testing::TemporaryFolder folder_;
};

TEST_F(Help, OfACommandIsWhatItsOptionPrints) {
  EXPECT_EQ(output_of({"help"}), output_of({"--help"}));
  for (const char* command :
       {"spaces", "cost", "data", "train", "search", "evaluate", "prune", "export", "check", "import", "report", "runs",
        "pareto", "doctor", "settings", "completion", "help", "compare"}) {
    const std::string text = output_of({"help", command});
    EXPECT_EQ(text, output_of({command, "--help"}));
    EXPECT_THAT(text, HasSubstr("Usage: frontier " + std::string(command)));
  }
  testing_support::expect_refused(Program(folder_.path().string()).run({"help", "trian"}),
                                  {"", {}, 2, {"unknown command 'trian'", "did you mean 'train'?"}});
}

TEST_F(Help, TheVersionHasTwoNames) {
  EXPECT_EQ(output_of({"-V"}), output_of({"--version"}));
  EXPECT_THAT(output_of({"-V"}), ::testing::MatchesRegex("frontier [0-9.]+\n"));
}

/// What bash offers behind `words`, the last of which is being typed, sorted.
class BashCompletion : public Help {
 protected:
  Words offered(const std::string& words) const {
    const std::string script =
        "cd '" + folder_.path().string() +
        "' && PATH=$(dirname \"$FRONTIER_BINARY\"):$PATH bash --norc -c 'source <(\"$FRONTIER_BINARY\" completion "
        "bash)\n"
        "complete -p frontier >/dev/null || exit 9\nCOMP_WORDS=(" +
        words + ")\nCOMP_CWORD=$((${#COMP_WORDS[@]}-1))\n_frontier\nprintf \"%s\\n\" \"${COMPREPLY[@]}\"' >out 2>err";
    EXPECT_EQ(std::system(script.c_str()), 0) << read_file(folder_ / "err");
    EXPECT_EQ(read_file(folder_ / "err"), "");
    Words lines = split(read_file(folder_ / "out"), '\n');
    std::erase(lines, "");
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST_F(BashCompletion, OffersCommandsOptionsAndNames) {
  EXPECT_THAT(offered("frontier se"), ElementsAre("search", "settings"));
  EXPECT_THAT(offered("frontier \"\""), IsSupersetOf({"train", "search", "--help", "--version"}));
  EXPECT_THAT(offered("frontier train --chec"), ElementsAre());
  EXPECT_THAT(offered("frontier search --chec"), ElementsAre("--checkpoint"));
  EXPECT_THAT(offered("frontier train --s"), ElementsAre("--sampler", "--seed", "--set", "--space", "--steps"));
  EXPECT_THAT(offered("frontier search --searcher \"\""),
              ElementsAre("evolution", "local", "nsga2", "random", "shiftnas"));
  EXPECT_THAT(offered("frontier export --format o"), ElementsAre("onnx"));
  EXPECT_THAT(offered("frontier search --evaluator \"\""), ElementsAre("benchmark", "supernet"));
  EXPECT_THAT(offered("frontier evaluate --evaluator \"\""), ElementsAre("benchmark", "scratch", "supernet"));
  EXPECT_THAT(offered("frontier train --lr \"\""), ElementsAre()) << "a number of one's own";
  EXPECT_THAT(offered("frontier spaces nas_bench_2"), ElementsAre("nas_bench_201"));
  EXPECT_THAT(offered("frontier help comp"), ElementsAre("compare", "completion"));
  EXPECT_THAT(offered("frontier completion \"\""), ElementsAre("bash", "fish", "zsh"));
  EXPECT_THAT(offered("frontier settings e"), ElementsAre("evaluate", "export"));
}

TEST_F(BashCompletion, KnowsEverySpace) {
  Words spaces;
  for (const auto& space : known_spaces()) spaces.push_back(space.name);
  std::sort(spaces.begin(), spaces.end());
  EXPECT_EQ(offered("frontier train --space \"\""), spaces);
  EXPECT_EQ(offered("frontier --quiet cost --space = \"\""), spaces) << "--space=, which bash takes for three words";
  EXPECT_THAT(offered("frontier cost --space = nas_bench_1"), ElementsAre("nas_bench_101"));
}

TEST_F(BashCompletion, OffersFilesWhereFilesAreMeant) {
  write_file(folder_ / "config.json", "{}");
  EXPECT_THAT(offered("frontier train --config conf"), ElementsAre("config.json"));
  EXPECT_THAT(offered("frontier import conf"), ElementsAre("config.json"));
  EXPECT_THAT(offered("frontier train --data fash"), ElementsAre("fashion_mnist"));
  EXPECT_THAT(offered("frontier train --data conf"), ElementsAre("config.json"));
}

TEST_F(Help, EveryShellGetsAScriptOfEveryCommand) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = output_of({"completion", shell});
    for (const char* text : {"train", "nas_bench_201", "evolution", "safetensors", "max-macs"})
      EXPECT_THAT(script, HasSubstr(text)) << shell;
    write_file(folder_ / shell, script);
    if (std::system(("command -v " + std::string(shell) + " >/dev/null 2>&1").c_str()) != 0) continue;
    const std::string syntax = std::string(shell) + " -n '" + folder_ / shell + "'";
    EXPECT_EQ(std::system(syntax.c_str()), 0) << shell;
  }
  testing_support::expect_refused(Program(folder_.path().string()).run({"completion", "csh"}),
                                  {"", {}, 2, {"unknown shell 'csh'", "bash, zsh, fish"}});
}

}  // namespace
}  // namespace frontier
