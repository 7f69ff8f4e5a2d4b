// SPDX-License-Identifier: Apache-2.0
#include "k7/model/constant_metric.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "base/quote.hpp"
#include "io/hdf5_file.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"

namespace k7::model {
namespace {

using geometry::dim;

std::vector<double> read_numbers(const std::string& path) {
  std::ifstream in(path);
  std::vector<double> numbers;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    for (std::string word; words >> word;) {
      char* end = nullptr;
      numbers.push_back(std::strtod(word.c_str(), &end));
      if (*end != '\0') throw InputError(path + ": " + k7::quoted(word) + " is not a number");
    }
  }
  return numbers;
}

}  // namespace

std::vector<double> read_constant_metric(const std::string& path) {
  const std::string obstacle = io::read_obstacle(path);
  if (!obstacle.empty())
    throw InputError(path + ": " + obstacle + "; --metric-constant needs a text file of 7 x 7 numbers");
  constexpr std::uintmax_t longest_file = 1 << 20;
  if (std::filesystem::file_size(path) > longest_file)
    throw InputError(path + ": is larger than 1 MiB; a text file of 7 x 7 numbers is needed");
  std::vector<double> g = read_numbers(path);
  if (g.size() != dim * dim)
    throw InputError(path + ": holds " + std::to_string(g.size()) + " numbers; 7 x 7 = 49 are needed");
  const std::string defect = geometry::metric_defect(g.data());
  if (!defect.empty()) throw InputError(path + ": " + defect);
  return g;
}

std::vector<double> metric_of_radii(const std::vector<double>& radii) {
  if (radii.size() != 3)
    throw InputError("--radii: has " + std::to_string(radii.size()) + " numbers; three are needed, R0,R1,R2");
  for (const double r : radii) {
    if (!(r > 0.0) || !std::isfinite(r))
      throw InputError("--radii: " + short_number(r) + " is not a radius; radii are positive");
    if (!std::isnormal(r * r))
      throw InputError("--radii: the square of " + short_number(r) +
                       " is no number of float64, and the metric holds it; use radii from 1e-150 to 1e150");
  }
  const geometry::Matrix7 g = geometry::round_product_metric(radii[0], radii[1], radii[2]);
  return {g.data(), g.data() + g.size()};
}

}  // namespace k7::model
