// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "k7/base/device.hpp"
#include "k7/base/index.hpp"
#include "k7/base/names.hpp"

namespace k7::spectral {

/// How eigenvalues are computed.
enum class Method {
  automatic,  ///< graph and ritz side by side; the graph alone without limits
  graph,      ///< calibrated graph Laplacian of the nearest neighbours
  ritz,       ///< Rayleigh-Ritz on global basis functions, the points as quadrature
  notebook    ///< the notebook's matrix, symmetrised
};
constexpr NameTable<Method, 4> names_of(Method) {
  return {{{Method::automatic, "auto"},
           {Method::graph, "graph"},
           {Method::ritz, "ritz"},
           {Method::notebook, "notebook"}}};
}

/// The density of the points against the Riemannian volume where the points do not say.
enum class Density {
  estimate,  ///< from the distances of neighbours
  uniform    ///< the same everywhere
};
constexpr NameTable<Density, 2> names_of(Density) {
  return {{{Density::estimate, "estimate"}, {Density::uniform, "uniform"}}};
}

/// Whether the limits k, N -> infinity are computed from a ladder of graphs.
enum class Limits {
  automatic,  ///< where the method has them
  wanted,     ///< a method that has none is refused
  none
};

/// Everything that decides what compute_spectrum computes.
struct SpectrumOptions {
  Method method = Method::automatic;
  Density density = Density::estimate;
  Limits limits = Limits::automatic;
  int neighbors = 32;                             ///< per point
  int eigenvalues = 15;                           ///< how many of the smallest ones, zero modes counted
  double accuracy = 1e-6;                         ///< of a metric that is known everywhere: bars, relative
  std::uint64_t seed = 0;                         ///< of the eigensolver's start vector
  int threads = 1;                                ///< of this rank
  DeviceChoice device = DeviceChoice::automatic;  ///< where matrices live
  /// Whether SpectrumReport::pairs holds the eigenfunctions at the points.
  bool keep_functions = false;
  bool keep_outliers = false;     ///< points far from all others stay in; they are left out otherwise
  bool report_neighbors = false;  ///< whether the caller wants to see the neighbours, see NeighborsFound
  std::string source = "points";  ///< what messages call the points, e.g. their file
};

/// Checks that the choices make sense and go together. @throws InputError naming the option that does not
void validate(const SpectrumOptions& options);

/// The same for a number of points and ranks. @throws InputError
void validate(const SpectrumOptions& options, GlobalIndex n_points, int n_ranks);

}  // namespace k7::spectral
