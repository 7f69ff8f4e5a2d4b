// SPDX-License-Identifier: Apache-2.0
#include "io/json_file.hpp"

#include <array>
#include <ctime>

#include "base/blas.hpp"
#include "io/atomic_file.hpp"
#include "k7/base/build_info.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/conventions.hpp"

namespace k7::io {

namespace {

/// A file name may hold bytes that are not UTF-8; they must not cost the results.
std::string text_of(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

void write_json(const std::string& path, const Json& value) {
  write_text(path, text_of(value));
}

void write_results(const std::string& path, const Json& value) {
  const std::string text = text_of(value);
  try {
    write_text(path, text);
  } catch (const InputError& e) {
    const std::string rescued = rescue_text(path, text);
    throw InputError(std::string(e.what()) + (rescued.empty()
                                                  ? "; no other folder takes the results either, which are "
                                                    "those printed above"
                                                  : "; the results are in " + rescued));
  }
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

Json metadata_json(const std::string& program) {
  const BuildInfo build = build_info();
  return {{"timestamp", timestamp()}, {"program", program}, {"version", build.version}, {"git", build.git}};
}

Json parallel_json(int ranks, int threads, const std::string& device) {
  return {{"ranks", ranks}, {"threads", threads}, {"device", device}, {"blas", blas_name()}};
}

}  // namespace k7::io
