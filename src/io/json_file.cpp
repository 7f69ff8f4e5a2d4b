// SPDX-License-Identifier: Apache-2.0
#include "k7/io/json_file.hpp"

#include <array>
#include <ctime>

#include "k7/geometry/conventions.hpp"
#include "k7/io/atomic_file.hpp"

namespace k7::io {

void write_json(const std::string& path, const Json& value) {
  write_text(path, value.dump(2) + "\n");
}

Json constants_json() {
  using C = geometry::Constants;
  return {{"dim", geometry::dim},
          {"b2", C::b2},
          {"b3", C::b3},
          {"H_star", C::h_star},
          {"dim_G2", C::dim_g2},
          {"det_g_target", C::det_g},
          {"lambda1_target", C::lambda1_target},
          {"tcs_ratio", C::tcs_ratio}};
}

std::string timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

}  // namespace k7::io
