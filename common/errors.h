#pragma once

#include <stdexcept>
#include <string>

namespace frontier {

/// Something failed while running (a full disk, a non-finite loss). Programs exit with 1.
/// Every message says what was wrong, the value seen, what is allowed and, where known, what to do.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The input or the usage was wrong: a name, a file, a value. Programs exit with 2.
struct UsageError : Error {
  using Error::Error;
};

/// An architecture that is not a member of its search space.
struct InvalidArchitecture : UsageError {
  using UsageError::UsageError;
};

/// The user asked to stop (Ctrl-C); what was reached is saved. Programs exit with 130.
struct Interrupted : Error {
  using Error::Error;
};

/// "what: reason of errno", e.g. `cannot write /data/x: No space left on device`.
std::string with_errno(const std::string& what, int error_number);

}  // namespace frontier
