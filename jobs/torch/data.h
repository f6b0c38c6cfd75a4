#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/options.h"

namespace frontier {

/// Settings of the job "data".
struct DataSettings {
  nlohmann::json data = nlohmann::json::object();  ///< DataOptions
  bool pictures = false;                           ///< whether samples of every class are wanted
  int threads = 0;
  std::string device = "cpu";
};

template <class Fields>
void describe(Fields& f, DataSettings& s) {
  f("data", s.data);
  f("pictures", s.pictures);
  f("threads", s.threads, 0, 4096);
  f("device", s.device);
}

}  // namespace frontier
