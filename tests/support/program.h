#pragma once

#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "common/files.h"
#include "support/temporary_folder.h"

namespace frontier::testing_support {

struct Outcome {
  int exit_code = -1;  ///< 128 + n where signal n ended it
  std::string out{};
  std::string err{};
};

/// The program under test ($FRONTIER_BINARY), started without a shell, so that any text can be an argument.
class Program {
 public:
  /// @param folder where it runs.
  explicit Program(std::string folder) : folder_(std::move(folder)) {}

  /// @param line what follows the program's name, as a shell reads it.
  Outcome shell(const std::string& line) const {
    const std::string command = "cd '" + folder_ + "' && { \"$FRONTIER_BINARY\" " + line + "; } >shell.out 2>shell.err";
    const int status = std::system(command.c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, read_file(folder_ + "/shell.out"),
            read_file(folder_ + "/shell.err")};
  }

  /// @param as_nobody give up root's rights first, so that permissions mean something.
  /// @param meanwhile called with the process while it runs.
  Outcome run(const std::vector<std::string>& arguments, bool as_nobody = false,
              const std::function<void(pid_t)>& meanwhile = {}) const {
    const testing::TemporaryFolder captured;
    const std::string out = captured / "out", err = captured / "err", binary = std::getenv("FRONTIER_BINARY");
    std::vector<const char*> argv{binary.c_str()};
    for (const auto& argument : arguments) argv.push_back(argument.c_str());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      redirect("/dev/null", O_RDONLY, 0);
      redirect(out.c_str(), O_WRONLY | O_CREAT, 1);
      redirect(err.c_str(), O_WRONLY | O_CREAT, 2);
      if (::chdir(folder_.c_str()) != 0) ::_exit(98);
      constexpr unsigned kNobody = 65534;
      if (as_nobody && (::setgroups(0, nullptr) != 0 || ::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(98);
      ::execv(argv[0], const_cast<char**>(argv.data()));
      ::_exit(97);
    }
    if (meanwhile) meanwhile(child);
    int status = 0;
    ::waitpid(child, &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_file(out), read_file(err)};
  }

 private:
  static void redirect(const char* path, int flags, int to) {
    const int fd = ::open(path, flags, 0644);
    if (fd < 0 || ::dup2(fd, to) < 0) ::_exit(98);
  }

  std::string folder_;
};

}  // namespace frontier::testing_support
