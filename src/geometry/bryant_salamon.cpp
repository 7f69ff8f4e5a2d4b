// SPDX-License-Identifier: Apache-2.0
#include "geometry/bryant_salamon.hpp"

#include <cmath>

namespace k7::geometry {
namespace {

/// A factor of the metric and its derivative in r.
struct Radial {
  double value;
  double derivative;
};

/// With e = dr / sqrt f, eta^a = (2/3) r sqrt f T^a and eps^a = (r / sqrt 3) Sigma^a,
///   phi = eps^123 + eps^a e eta^a - (eps^1 eta^23 + eps^2 eta^31 + eps^3 eta^12)
/// is phi_0 of the rows (e, eta^1, eta^3, eps^1, eps^2, -eta^2, eps^3).
struct Row {
  int index;
  double sign;
};
constexpr Row row_of_e{0, 1.0};
constexpr std::array<Row, 3> row_of_eta{{{1, 1.0}, {5, -1.0}, {2, 1.0}}};
constexpr std::array<Row, 3> row_of_eps{{{3, 1.0}, {4, 1.0}, {6, 1.0}}};

void fill(double e, double eta, double eps, double* coframe) {
  Eigen::Map<Matrix7> a(coframe);
  a.setZero();
  a(row_of_e.index, 0) = row_of_e.sign * e;
  for (int i = 0; i < 3; ++i) {
    a(row_of_eta[i].index, 1 + i) = row_of_eta[i].sign * eta;
    a(row_of_eta[i].index, 4 + i) = row_of_eta[i].sign * -0.5 * eta;  // T = sigma - Sigma / 2
    a(row_of_eps[i].index, 4 + i) = row_of_eps[i].sign * eps;
  }
}

}  // namespace

void bryant_salamon_coframe(double r, double a, double* coframe, double* derivative) {
  const double f = (r - a) * (r * r + r * a + a * a) / (r * r * r);  // no cancellation near the bolt
  const double df = 3.0 * a * a * a / (r * r * r * r);
  const double root = std::sqrt(f);
  const Radial e{1.0 / root, -0.5 * df / (f * root)};
  const Radial eta{2.0 / 3.0 * r * root, 2.0 / 3.0 * (root + 0.5 * r * df / root)};
  const Radial eps{r / std::sqrt(3.0), 1.0 / std::sqrt(3.0)};
  fill(e.value, eta.value, eps.value, coframe);
  if (derivative != nullptr) fill(e.derivative, eta.derivative, eps.derivative, derivative);
}

}  // namespace k7::geometry
