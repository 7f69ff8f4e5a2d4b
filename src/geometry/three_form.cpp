// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/three_form.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "k7/base/error.hpp"

namespace k7::geometry {

int unit_exponent(const double* phi) {
  constexpr int most = 340;  // 8^340 is a number
  double largest = 0.0;
  for (int c = 0; c < n_phi; ++c) largest = std::max(largest, std::abs(phi[c]));
  if (largest == 0.0 || !std::isfinite(largest)) return 0;
  return std::clamp(static_cast<int>(std::floor(std::ilogb(largest) / 3.0)), -most, most);
}

Form3 in_units(const Form3& phi, int m) {
  Form3 result;
  for (std::size_t c = 0; c < result.size(); ++c) result[c] = std::ldexp(phi[c], 3 * m);
  return result;
}

Tensor3 form_to_tensor(const Form3& phi) {
  Tensor3 t{};
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      for (int k = 0; k < dim; ++k) {
        const auto s = three_form_index(i, j, k);
        t[(i * dim + j) * dim + k] = s.sign == 0 ? 0.0 : s.sign * phi[s.index];
      }
  return t;
}

Matrix7 contraction(const Form3& phi) {
  const Tensor3 t = form_to_tensor(phi);
  const Eigen::Map<const Eigen::Matrix<double, dim, dim * dim, Eigen::RowMajor>> rows(t.data());
  return rows * rows.transpose();
}

Matrix7 contraction_metric(const Form3& phi, double target_det) {
  const Matrix7 b = contraction(in_units(phi, -unit_exponent(phi.data())));
  const double det = b.determinant();
  if (!(det > 0.0) || !std::isfinite(det))
    throw InputError("phi_ikl phi_jkl is singular: this 3-form defines no metric");
  return b * std::pow(target_det / det, 1.0 / dim);
}

}  // namespace k7::geometry
