#include "jobs/device.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/files.h"
#include "jobs/observer.h"
#include "support/temporary_folder.h"

namespace frontier {
namespace {

namespace fs = std::filesystem;
using frontier::testing::TemporaryFolder;

struct Notes : Observer {
  std::string lines;
  void note(const std::string& line) override { lines += line + "\n"; }
};

TEST(ResumedThreads, AreThoseThatTheTrainingBeganWith) {
  const TemporaryFolder folder;
  const std::string checkpoint = folder.path().string();
  Notes notes;
  EXPECT_EQ(resumed_threads(0, checkpoint, notes), 0);  // nothing is there yet
  for (const char* other : {"{}", "{\"threads\": \"two\"}", "{\"threads\": 0}", "{\"threads\": "}) {
    write_file(folder / "run.json", other);
    EXPECT_EQ(resumed_threads(3, checkpoint, notes), 3) << other;
  }
  EXPECT_EQ(notes.lines, "");
  write_file(folder / "run.json", "{\"threads\": 63}");
  EXPECT_EQ(resumed_threads(0, checkpoint, notes), 63);
  EXPECT_THAT(notes.lines, ::testing::StartsWith("the training began with 63 threads and goes on with them"));
  notes.lines.clear();
  EXPECT_EQ(resumed_threads(63, checkpoint, notes), 63);
  EXPECT_EQ(notes.lines, "");
  EXPECT_EQ(resumed_threads(1, checkpoint, notes), 1);
  EXPECT_EQ(notes.lines, "the training began with 63 threads and goes on with 1: last digits may differ\n");
}

}  // namespace
}  // namespace frontier
