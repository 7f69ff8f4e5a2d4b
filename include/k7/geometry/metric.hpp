// SPDX-License-Identifier: Apache-2.0
//
// Metrics at a point, stored as the 28 numbers g_ij, i<=j, in lexicographic order.
#pragma once

#include <array>
#include <string>

#include "k7/geometry/conventions.hpp"
#include "k7/geometry/three_form.hpp"

namespace k7::geometry {

using SymMetric = std::array<double, n_sym>;

/// Upper triangle of a 7x7 matrix (row-major).
SymMetric pack(const double* g);
Matrix7 unpack(const double* packed);

/// v^T g v for a packed metric.
inline double quadratic_form(const double* g, const double* v) {
  double sum = 0.0;
  for (int i = 0, n = 0; i < dim; ++i) {
    double row = 0.5 * g[n++] * v[i];
    for (int j = i + 1; j < dim; ++j) row += g[n++] * v[j];
    sum += row * v[i];
  }
  return 2.0 * sum;
}

/// What is wrong with a 7x7 matrix as a metric: empty when it is finite, symmetric (to 1e-6 of its largest
/// entry) and positive definite; otherwise the reason, with entry indices.
std::string metric_defect(const double* g);

/// The product metric of S1 x S3 x S3 with radii r0, r1, r2 in the left-invariant coframe,
/// diag(r0^2; r1^2, r1^2, r1^2; r2^2, r2^2, r2^2); the notebook's metric_tensor_flat has r0 = r1.
Matrix7 round_product_metric(double r0, double r1, double r2);

/// A lower bound of the least eigenvalue of a symmetric positive definite matrix, at most 0.8 % below it; not
/// negative. Several times faster than an eigensolver.
/// @param inverse of a
double least_eigenvalue_bound(const Matrix7& a, const Matrix7& inverse);

/// Determinant of a packed positive definite metric.
double determinant(const double* packed);

/// 1 / sqrt(det g) of a packed positive definite metric; right also where the determinant is too large or too small
/// for a double. Zero or infinite where it is so itself.
double inverse_volume(const double* packed);

}  // namespace k7::geometry
