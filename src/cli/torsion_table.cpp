// SPDX-License-Identifier: Apache-2.0
#include "cli/torsion_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "k7/base/index.hpp"

namespace k7::cli {
namespace {

/// One line of the printed table.
struct Line {
  const char* key;
  const char* label;
  const char* unit;
};
constexpr std::array<Line, 10> lines{{{"norm2_dphi", "|d phi|^2", "1/length^2"},
                                      {"norm2_dpsi", "|d *phi|^2", "1/length^2"},
                                      {"norm2_tau0", "tau_0^2", "1/length^2"},
                                      {"norm2_tau1", "|tau_1|^2", "1/length^2"},
                                      {"norm2_tau2", "|tau_2|^2", "1/length^2"},
                                      {"norm2_tau3", "|tau_3|^2", "1/length^2"},
                                      {"det_g", "det g", "in the coframe"},
                                      {"sqrt_det_g", "sqrt det g", "in the coframe"},
                                      {"trace_g_over_7", "tr g / 7", "in the coframe"},
                                      {"cond_g", "cond g", "in the coframe"}}};

}  // namespace

bool is_finite_torsion(const io::Json& report) {
  if (report.contains("overflows")) return false;
  return std::all_of(lines.begin(), lines.end(), [&](const Line& line) {
    if (!report.contains(line.key)) return true;
    const io::Json& values = report[line.key];
    return std::isfinite(values["mean"].get<double>()) && std::isfinite(values["max"].get<double>());
  });
}

void print_torsion(const io::Json& report, const std::string& source) {
  const double fraction = report["positive_fraction"].get<double>();
  std::printf("torsion of %s at %lld points; phi is a G2-structure at %s\n", source.c_str(),
              static_cast<long long>(report["points"].get<GlobalIndex>()),
              fraction == 1.0 ? "all of them" : fmt::format("{:.6g} of them", fraction).c_str());
  if (fraction == 0.0) return;
  std::printf("  %-12s %14s %14s\n", "", "mean", "max");
  for (const Line& line : lines) {
    if (!report.contains(line.key)) continue;
    const io::Json& values = report[line.key];
    std::printf("  %-12s %14.6e %14.6e  %s\n", line.label, values["mean"].get<double>(),
                values["max"].get<double>(), line.unit);
  }
  if (report.contains("volume")) std::printf("  %-12s %14.6e\n", "volume", report["volume"].get<double>());
  if (report.contains("exact"))
    for (const auto& [name, value] : report["exact"].items())
      std::printf("  %-20s %14.6e  against the known solution\n", name.c_str(), value.get<double>());
  std::puts(
      "Lengths are those of phi's own metric g. The holonomy of g lies in G2 where d phi = d *phi = 0:\n"
      "|d phi|^2 = 7 tau_0^2 + 36 |tau_1|^2 + |tau_3|^2,  |d *phi|^2 = 48 |tau_1|^2 + |tau_2|^2.");
  std::fflush(stdout);
}

}  // namespace k7::cli
