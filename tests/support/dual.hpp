// SPDX-License-Identifier: Apache-2.0
// Forward-mode differentiation at one point, written as plainly as possible: numbers that carry their seven
// frame derivatives, and exterior forms with such numbers as components.
#pragma once

#include <array>
#include <cmath>
#include <initializer_list>
#include <utility>
#include <vector>

#include "k7/geometry/exterior.hpp"

namespace k7::test {

/// A function's value and its derivatives along E_0..E_6 at one point.
struct Dual {
  Dual(double v = 0.0) : value(v) {}  // NOLINT: constants mix freely with functions

  double value;
  std::array<double, geometry::dim> d{};
};

/// The chain rule for f(x) with f(x.value) = value and f'(x.value) = slope.
inline Dual chain(const Dual& x, double value, double slope) {
  Dual y(value);
  for (int a = 0; a < geometry::dim; ++a) y.d[a] = slope * x.d[a];
  return y;
}

inline Dual operator+(const Dual& x, const Dual& y) {
  Dual z(x.value + y.value);
  for (int a = 0; a < geometry::dim; ++a) z.d[a] = x.d[a] + y.d[a];
  return z;
}
inline Dual operator-(const Dual& x) {
  return chain(x, -x.value, -1.0);
}
inline Dual operator-(const Dual& x, const Dual& y) {
  return x + (-y);
}
inline Dual operator*(const Dual& x, const Dual& y) {
  Dual z(x.value * y.value);
  for (int a = 0; a < geometry::dim; ++a) z.d[a] = x.value * y.d[a] + y.value * x.d[a];
  return z;
}
inline Dual operator/(const Dual& x, const Dual& y) {
  return x * chain(y, 1.0 / y.value, -1.0 / (y.value * y.value));
}
inline Dual& operator+=(Dual& x, const Dual& y) {
  return x = x + y;
}

inline Dual sin(const Dual& x) {
  return chain(x, std::sin(x.value), std::cos(x.value));
}
inline Dual cos(const Dual& x) {
  return chain(x, std::cos(x.value), -std::sin(x.value));
}
inline Dual exp(const Dual& x) {
  return chain(x, std::exp(x.value), std::exp(x.value));
}

/// A p-form, components in the library's order.
class DualForm {
 public:
  explicit DualForm(int degree) : degree_(degree), components_(geometry::form_masks(degree).size()) {}
  /// c_i e^i
  explicit DualForm(const std::array<Dual, geometry::dim>& c) : degree_(1), components_(c.begin(), c.end()) {}
  /// e^i
  static DualForm basis(int i) {
    DualForm e(1);
    e[i] = 1.0;
    return e;
  }

  int degree() const { return degree_; }
  std::size_t size() const { return components_.size(); }
  Dual& operator[](std::size_t i) { return components_[i]; }
  const Dual& operator[](std::size_t i) const { return components_[i]; }

 private:
  int degree_;
  std::vector<Dual> components_;
};

inline DualForm operator*(const Dual& c, DualForm form) {
  for (std::size_t i = 0; i < form.size(); ++i) form[i] = c * form[i];
  return form;
}
inline DualForm operator+(DualForm a, const DualForm& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] += b[i];
  return a;
}
inline DualForm operator-(const DualForm& a, const DualForm& b) {
  return a + Dual(-1.0) * b;
}

inline DualForm wedge(const DualForm& a, const DualForm& b) {
  DualForm c(a.degree() + b.degree());
  const auto& left = geometry::form_masks(a.degree());
  const auto& right = geometry::form_masks(b.degree());
  for (std::size_t i = 0; i < left.size(); ++i)
    for (std::size_t j = 0; j < right.size(); ++j) {
      const int sign = geometry::wedge_sign(left[i], right[j]);
      if (sign != 0)
        c[geometry::form_position(left[i] | right[j])] += static_cast<double>(sign) * a[i] * b[j];
    }
  return c;
}
inline DualForm wedge(const DualForm& a, const DualForm& b, const DualForm& c) {
  return wedge(wedge(a, b), c);
}

/// Quaternions (w, x, y, z) of numbers or of forms: the products are given by `times`.
template <typename A, typename B, typename Times>
auto multiply_quaternions(const std::array<A, 4>& p, const std::array<B, 4>& q, Times times) {
  using Result = decltype(times(p[0], q[0]));
  return std::array<Result, 4>{times(p[0], q[0]) - times(p[1], q[1]) - times(p[2], q[2]) - times(p[3], q[3]),
                               times(p[0], q[1]) + times(p[1], q[0]) + times(p[2], q[3]) - times(p[3], q[2]),
                               times(p[0], q[2]) - times(p[1], q[3]) + times(p[2], q[0]) + times(p[3], q[1]),
                               times(p[0], q[3]) + times(p[1], q[2]) - times(p[2], q[1]) + times(p[3], q[0])};
}

}  // namespace k7::test
