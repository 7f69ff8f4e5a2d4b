// SPDX-License-Identifier: Apache-2.0
//
// Two estimates of one spectrum, side by side: limits of graphs, and Rayleigh-Ritz values.
#pragma once

#include <vector>

#include "k7/spectral/spectrum.hpp"

namespace k7::spectral {

/// Means of the same eigenvalues whose bars have nothing in common.
struct Disagreement {
  Multiplet graph;
  Multiplet ritz;
};

/// The spectrum that two methods agree on, and where they do not.
struct Agreement {
  SpectrumLimit limit;
  std::vector<Disagreement> disagreements;
};

/// Ranges of eigenvalues that are unions of multiplets of both are compared by their means. Where the bars overlap,
/// the multiplets of the method with the smaller bar count; where they do not, the range becomes one multiplet, whose
/// bar covers both. What only one method has is taken from it.
/// @param graph, ritz of as many eigenvalues each as are there; multiplets in ascending order, from the same first one on
Agreement agree_on(const SpectrumLimit& graph, const SpectrumLimit& ritz);

}  // namespace k7::spectral
