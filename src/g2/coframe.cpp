// SPDX-License-Identifier: Apache-2.0
#include "g2/coframe.hpp"

#include <cmath>

#include "g2/forms.hpp"
#include "g2/small_products.hpp"

namespace k7::g2 {
namespace {

using geometry::dim;
using geometry::LinearMap;
using geometry::n_phi;
using geometry::n_sym;
using geometry::n_two;

/// The forms of conventions.hpp in an orthonormal coframe: d phi_0 or d psi_0 as a linear map of
/// T[c][a][b] = -C[c][a][b].
Constant torsion_map(int p, const std::vector<double>& form, int n_to) {
  constexpr int n_structure = dim * dim * dim;
  at::Tensor map = at::zeros({n_structure, n_to}, at::kDouble);
  auto* values = map.data_ptr<double>();
  std::vector<double> structure(n_structure, 0.0);
  for (int entry = 0; entry < n_structure; ++entry) {
    structure[entry] = -1.0;
    for (const auto& e : geometry::structure_map(p, structure.data()))
      values[entry * n_to + e.to] += e.value * form[e.from];
    structure[entry] = 0.0;
  }
  return Constant(map);
}

std::vector<double> standard_phi() {
  const auto& phi = geometry::standard_form();
  return {phi.begin(), phi.end()};
}

std::vector<double> standard_psi() {
  const auto s = geometry::g2_structure(geometry::standard_form());
  return {s.psi.begin(), s.psi.end()};
}

/// (7, 49), -C[k][i][j].
Constant minus_structure(const geometry::Structure& structure) {
  at::Tensor table = at::empty({dim, dim * dim}, at::kDouble);
  for (std::size_t i = 0; i < structure.size(); ++i) table.data_ptr<double>()[i] = -structure[i];
  return Constant(table);
}

/// (n, directions, 7, 7) times (n, 7, 7): every derivative's matrix from the right, or from the left.
at::Tensor right(const at::Tensor& d, const at::Tensor& x) {
  return products(d, x.unsqueeze(1));
}
at::Tensor left(const at::Tensor& x, const at::Tensor& d) {
  return products(x.unsqueeze(1), d);
}

/// The projection (49, 49) of 7 x 7 matrices that removes Lambda^2_14 = g2: symmetric part plus
/// (1/6) phi_abc phi_cde of the antisymmetric one.
LinearMap without_g2_entries() {
  LinearMap entries;
  const auto phi = geometry::form_to_tensor(geometry::standard_form());
  const auto at = [&phi](int i, int j, int k) {
    return phi[static_cast<std::size_t>((i * dim + j) * dim + k)];
  };
  for (int a = 0; a < dim; ++a)
    for (int b = 0; b < dim; ++b) {
      entries.push_back({a * dim + b, a * dim + b, 0.5});
      entries.push_back({a * dim + b, b * dim + a, 0.5});
      for (int c = 0; c < dim; ++c)
        for (int d = 0; d < dim; ++d)
          for (int e = 0; e < dim; ++e) {
            const double value = at(a, b, c) * at(c, d, e) / 6.0;
            if (value != 0.0) entries.push_back({a * dim + b, d * dim + e, value});
          }
    }
  return entries;
}

at::Tensor map_matrices(const ConstantMap& map, const at::Tensor& x) {
  return map(x.flatten(-2)).view(x.sizes());
}

/// (x + sign x^T) / 2.
Jet part(const Jet& x, double sign) {
  return {0.5 * (x.value + sign * x.value.transpose(-1, -2)),
          0.5 * (x.derivatives + sign * x.derivatives.transpose(-1, -2))};
}

Jet product(const Jet& a, const Jet& b) {
  return {products(a.value, b.value), right(a.derivatives, b.value) + left(a.value, b.derivatives)};
}

/// 1 + rho 2 H (1 + H^2)^{-1}.
Jet bounded_symmetric(const Jet& h, double rho) {
  const at::Tensor identity = identity_like(h.value);
  const at::Tensor r = inverses(identity + products(h.value, h.value));
  const at::Tensor dh2 = right(h.derivatives, h.value) + left(h.value, h.derivatives);
  const at::Tensor dr = -left(r, right(dh2, r));
  return {identity + 2.0 * rho * products(h.value, r),
          2.0 * rho * (right(h.derivatives, r) + left(h.value, dr))};
}

/// Cayley's rotation (1 - W)(1 + W)^{-1} = 2 (1 + W)^{-1} - 1.
Jet cayley(const Jet& w) {
  const at::Tensor identity = identity_like(w.value);
  const at::Tensor z = inverses(identity + w.value);
  return {2.0 * z - identity, -2.0 * left(z, right(w.derivatives, z))};
}

/// D_c = (1/2) phi_0(e_c, A., A.): (n, 7, 21), seven 2-forms with A^* phi_0 = (1/3) sum_c a^c ^ D_c,
/// a^c = A_ci e^i.
at::Tensor slot_forms(const at::Tensor& a) {
  static const Constant phi = [] {
    const auto numbers = geometry::form_to_tensor(geometry::standard_form());
    return Constant(
        at::tensor(at::ArrayRef<double>(numbers.data(), numbers.size())).view({1, dim, dim, dim}));
  }();
  return upper_triangle(congruence(phi.like(a), a));
}

}  // namespace

at::Tensor pullback(const at::Tensor& a) {
  return wedge_e_2(products(a.transpose(1, 2), slot_forms(a))) / 3.0;
}

Jet pullback_jet(const Jet& a) {
  const at::Tensor slots = slot_forms(a.value);
  // A derivative of A meets each of the three slots once.
  return {wedge_e_2(products(a.value.transpose(1, 2), slots)) / 3.0,
          wedge_e_2(products(a.derivatives.transpose(2, 3), slots.unsqueeze(1)))};
}

CoframeTorsion::CoframeTorsion(const geometry::Structure& structure)
    : structure_(minus_structure(structure)),
      to_dphi_(torsion_map(3, standard_phi(), n_phi)),
      to_dpsi_(torsion_map(4, standard_psi(), n_two)) {}

TorsionEnergy CoframeTorsion::operator()(const Jet& a) const {
  const std::int64_t n = a.value.size(0);
  // d e'^c = (1/2) T^c_ij e^i ^ e^j, T^c_ij = E_i A_cj - E_j A_ci - A_ck C^k_ij, then both indices in the
  // frame of A.
  const at::Tensor slope = a.derivatives.transpose(1, 2);  // (n, c, i, j)
  const at::Tensor t =
      slope - slope.transpose(2, 3) + at::matmul(a.value, structure_.like(a.value)).view({n, dim, dim, dim});
  const at::Tensor adapted = congruence(t, inverses(a.value)).reshape({n, dim * dim * dim});
  return {at::matmul(adapted, to_dphi_.like(adapted)).square().sum(1),
          at::matmul(adapted, to_dpsi_.like(adapted)).square().sum(1)};
}

Jet with_determinant(const Jet& a, double target) {
  const std::int64_t n = a.value.size(0);
  // t = (target^{1/2} / |det A|)^{1/7}, E_a t = -(t/7) tr(A^{-1} E_a A)
  const at::Tensor t = (std::sqrt(target) / at::linalg_det(a.value).abs()).pow(1.0 / dim).view({n, 1, 1});
  const at::Tensor inverse = inverses(a.value).transpose(1, 2).reshape({n, dim * dim, 1});
  const at::Tensor trace = products(a.derivatives.flatten(-2), inverse).unsqueeze(3) / dim;
  return {a.value * t, (a.derivatives - trace * a.value.unsqueeze(1)) * t.unsqueeze(1)};
}

Jet without_g2(const Jet& x) {
  static const ConstantMap map(dim * dim, dim * dim, without_g2_entries());
  return {map_matrices(map, x.value), map_matrices(map, x.derivatives)};
}

Jet corrected_coframe(const Jet& background, const Jet& factor, const Jet& x) {
  const std::int64_t n = x.value.size(0);
  const at::Tensor w = factor.value.view({n, 1, 1});
  const at::Tensor dw = factor.derivatives.unsqueeze(2).unsqueeze(3);
  const Jet scaled{w * x.value, dw * x.value.unsqueeze(1) + w.unsqueeze(1) * x.derivatives};
  const Jet change = product(scaled, background);
  return {background.value + change.value, background.derivatives + change.derivatives};
}

Jet bounded_coframe(const Jet& x, double bound, double target) {
  const double root = std::sqrt(bound);
  const Jet k = bounded_symmetric(part(x, 1.0), (root - 1.0) / (root + 1.0));
  return with_determinant(product(cayley(part(x, -1.0)), k), target);
}

}  // namespace k7::g2
