#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "common/options.h"
#include "jobs/device.h"

namespace frontier {

/// Settings of the job "data".
struct DataSettings : DeviceOptions {
  nlohmann::json data = nlohmann::json::object();  ///< DataOptions
  bool pictures = false;                           ///< whether samples of every class are wanted
};

template <class Fields>
void describe(Fields& f, DataSettings& s) {
  f("data", s.data);
  f("pictures", s.pictures);
  describe(f, static_cast<DeviceOptions&>(s));
}

}  // namespace frontier
