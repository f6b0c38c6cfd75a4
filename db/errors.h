#pragma once

#include "common/errors.h"

namespace frontier {

/// The database cannot be read or written: the disk is full, the file is gone, damaged or read-only. What was being
/// stored is not.
struct DatabaseError : Error {
  using Error::Error;
};

/// Another program holds it, and longer than a writer waits (Store::set_wait).
struct DatabaseBusy : DatabaseError {
  using DatabaseError::DatabaseError;
};

}  // namespace frontier
