// SPDX-License-Identifier: Apache-2.0
// Laplace spectra of metrics that are constant in a left-invariant frame, to rounding: representation theory
// leaves finite matrices, and a bound on the blocks not looked at makes the first eigenvalues certain.
#pragma once

#include <vector>

#include "k7/geometry/manifold.hpp"

namespace k7::geometry {

/// The first `count` eigenvalues, with multiplicity, on S1 x S3 x S3 (circle of length 2 pi, unit spheres).
/// @param g metric in (dtheta, sigma, Sigma)
/// @param most_work operations, roughly; empty where that is too little
/// @throws InputError when g is not a metric
std::vector<double> neck_spectrum(const Matrix7& g, int count, double most_work);

/// The same on the flat torus of the given periods, all positive.
std::vector<double> torus_spectrum(const Matrix7& g, const Periods& periods, int count, double most_work);

}  // namespace k7::geometry
