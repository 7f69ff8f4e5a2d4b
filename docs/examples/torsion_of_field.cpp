// SPDX-License-Identifier: Apache-2.0
// The torsion of a 3-form that a program has in memory: phi = f(x) phi_0 in coordinates, f = 1 + 0.1 sin x_0. As
// phi = (f^(1/3))^3 phi_0, its metric is f^(2/3) times the flat one, and |d phi|^2 has the closed form that is
// printed beside the computed one.
//   ./torsion_of_field
#include <cmath>
#include <cstdio>
#include <vector>

#include "k7/g2/torsion_fields.hpp"
#include "k7/geometry/conventions.hpp"

int main() {
  using k7::geometry::dim;
  using k7::geometry::n_phi;
  const int n = 5;
  std::vector<double> phi;                                                          // (n, 35)
  std::vector<double> derivatives(static_cast<std::size_t>(n) * dim * n_phi, 0.0);  // (n, 7, 35), E_a phi_I
  std::vector<double> exact;
  const auto& phi_0 = k7::geometry::standard_form();
  for (int i = 0; i < n; ++i) {
    const double x = 0.4 * i;
    const double f = 1.0 + 0.1 * std::sin(x);
    const double df = 0.1 * std::cos(x);
    for (int c = 0; c < n_phi; ++c) {
      phi.push_back(f * phi_0[static_cast<std::size_t>(c)]);
      derivatives[static_cast<std::size_t>(i * dim * n_phi + c)] = df * phi_0[static_cast<std::size_t>(c)];
    }
    // d phi = df dx^0 ^ phi_0 has |dx^0 ^ phi_0|^2 = 4 in the flat metric; a 4-form's norm scales by f^(-8/3).
    exact.push_back(4.0 * df * df * std::pow(f, -8.0 / 3.0));
  }
  // Coordinates commute: all structure constants are zero.
  const auto fields = k7::g2::torsion_fields(phi, derivatives, k7::geometry::Structure{});
  for (const auto& field : fields) {
    if (field.name != "norm2_dphi") continue;
    for (int i = 0; i < n; ++i)
      std::printf("|d phi|^2 = %.12f, exact %.12f\n", field.values[static_cast<std::size_t>(i)],
                  exact[static_cast<std::size_t>(i)]);
  }
  return 0;
}
