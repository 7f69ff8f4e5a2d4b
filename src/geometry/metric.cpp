// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/metric.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <cstdio>

namespace k7::geometry {
namespace {

std::string format(const char* text, int i, int j, double a, double b) {
  std::array<char, 160> buffer{};
  std::snprintf(buffer.data(), buffer.size(), text, i, j, a, b);
  return buffer.data();
}

}  // namespace

SymMetric pack(const double* g) {
  SymMetric p;
  for (int i = 0, n = 0; i < dim; ++i)
    for (int j = i; j < dim; ++j) p[n++] = g[i * dim + j];
  return p;
}

Matrix7 unpack(const double* packed) {
  Matrix7 g;
  for (int i = 0, n = 0; i < dim; ++i)
    for (int j = i; j < dim; ++j) g(i, j) = g(j, i) = packed[n++];
  return g;
}

std::string metric_defect(const double* g) {
  constexpr double symmetry_tolerance = 1e-6;  // float32 input, g = A^T A: a few times 6e-8
  double largest = 0.0;
  for (int n = 0; n < dim * dim; ++n) {
    if (!std::isfinite(g[n]))
      return format("entry [%d,%d] is %g; a metric is finite", n / dim, n % dim, g[n], 0.0);
    largest = std::max(largest, std::abs(g[n]));
  }
  for (int i = 0; i < dim; ++i)
    for (int j = i + 1; j < dim; ++j)
      if (std::abs(g[i * dim + j] - g[j * dim + i]) > symmetry_tolerance * largest)
        return format("entry [%d,%d] is %.17g but its mirror image is %.17g; a metric is symmetric", i, j,
                      g[i * dim + j], g[j * dim + i]);
  const Matrix7 m = Eigen::Map<const Matrix7>(g);
  const Eigen::LLT<Matrix7> cholesky(m);
  if (cholesky.info() != Eigen::Success) return "it is not positive definite; a metric is";
  return {};
}

Matrix7 round_product_metric(double r0, double r1, double r2) {
  Eigen::Matrix<double, dim, 1> radii;
  radii << r0, r1, r1, r1, r2, r2, r2;
  return radii.cwiseAbs2().asDiagonal();
}

double least_eigenvalue_bound(const Matrix7& a, const Matrix7& inverse) {
  // The largest eigenvalue of B = a^{-1} is between tr(B^n)^{1/n} / 7^{1/n} and tr(B^n)^{1/n}; here n = 2^8.
  constexpr int n_squarings = 8;
  Matrix7 power = inverse;
  double log_scale = 0.0;
  double n = 1.0;
  for (int i = 0; i < n_squarings; ++i, n *= 2.0) {
    const double trace = power.trace();
    log_scale += std::log(trace) / n;
    power /= trace;
    power = Matrix7(power * power);
  }
  const double largest = std::exp(log_scale + std::log(power.trace()) / n);
  // Less the rounding of the inverse and of the entries of a.
  return std::max(0.0, (1.0 - 1e-7) / largest - 1e-13 * a.trace());
}

double determinant(const double* packed) {
  return unpack(packed).determinant();
}

double inverse_volume(const double* packed) {
  const Eigen::LLT<Matrix7> cholesky(unpack(packed));
  double product = 1.0;
  int power = 0;  // of two, kept apart so that no product on the way overflows
  for (int i = 0; i < dim; ++i) {
    int more = 0;
    product *= std::frexp(cholesky.matrixLLT()(i, i), &more);
    power += more;
  }
  return std::ldexp(1.0 / product, -power);
}

}  // namespace k7::geometry
