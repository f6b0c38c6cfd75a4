#pragma once

#include <unistd.h>

namespace frontier::testing_support {

/// Gives up root's rights while it lives, so that permissions mean something.
class OrdinaryUser {
 public:
  OrdinaryUser() : root_(::geteuid() == 0) {
    if (root_ && ::seteuid(65534) != 0) root_ = false;
  }
  ~OrdinaryUser() {
    if (root_ && ::seteuid(0) != 0) ::_exit(99);
  }
  OrdinaryUser(const OrdinaryUser&) = delete;
  OrdinaryUser& operator=(const OrdinaryUser&) = delete;
  bool is_ordinary() const { return ::geteuid() != 0; }

 private:
  bool root_;
};

}  // namespace frontier::testing_support
