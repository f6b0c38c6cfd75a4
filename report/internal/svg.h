#pragma once

#include <cstdio>
#include <string>

namespace frontier {

/// A coordinate of a drawing, to a tenth.
inline std::string svg_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace frontier
