// SPDX-License-Identifier: Apache-2.0
#include "g2/g2_structure.hpp"

#include "g2/forms.hpp"
#include "g2/small_products.hpp"
#include "k7/geometry/exterior.hpp"

namespace k7::g2 {
namespace {

using geometry::dim;
using geometry::form_masks;
using geometry::form_position;
using geometry::LinearMap;
using geometry::n_phi;
using geometry::n_two;
using geometry::wedge_sign;

/// phi -> the matrix P of the quadratic form a, b -> a ^ b ^ phi on 2-forms, (n, 21, 21).
at::Tensor wedge_pairing(const at::Tensor& phi) {
  static const ConstantMap map = [] {
    LinearMap entries;
    const auto& pairs = form_masks(2);
    for (int a = 0; a < n_two; ++a)
      for (int b = 0; b < n_two; ++b) {
        const auto both = pairs[a] | pairs[b];
        const int sign = wedge_sign(pairs[a], pairs[b]);
        if (sign == 0) continue;
        const auto rest = form_masks(dim).front() & ~both;
        entries.push_back(
            {a * n_two + b, form_position(rest), static_cast<double>(sign * wedge_sign(both, rest))});
      }
    return ConstantMap(n_phi, n_two * n_two, entries);
  }();
  return map(phi).view({phi.size(0), n_two, n_two});
}

/// The components of the complement: an antisymmetric contravariant tensor density of degree 7 - p.
at::Tensor complement_3(const at::Tensor& a) {
  static const ConstantMap map(n_phi, n_phi, geometry::complement_map(3));
  return map(a);
}
at::Tensor complement_4(const at::Tensor& a) {
  static const ConstantMap map(n_phi, n_phi, geometry::complement_map(4));
  return map(a);
}
at::Tensor complement_5(const at::Tensor& a) {
  static const ConstantMap map(n_two, n_two, geometry::complement_map(5));
  return map(a);
}

at::Tensor per_point(const at::Tensor& scalar, const at::Tensor& like) {
  std::vector<std::int64_t> shape(static_cast<std::size_t>(like.dim()), 1);
  shape[0] = scalar.size(0);
  return scalar.view(shape);
}

/// x_ia x_jb x_kc a^abc for antisymmetric a in components (n, 35).
at::Tensor change_indices_3(const at::Tensor& x, const at::Tensor& a) {
  const std::int64_t n = a.size(0);
  const at::Tensor two = congruence(form_to_tensor(a), x.transpose(1, 2));
  const at::Tensor three = products(x, two.reshape({n, dim, dim * dim}));
  static const ConstantMap components = [] {
    LinearMap entries;
    const auto& table = geometry::three_form_indices();
    for (int c = 0; c < n_phi; ++c)
      entries.push_back({c, (table[c][0] * dim + table[c][1]) * dim + table[c][2], 1.0});
    return ConstantMap(dim * dim * dim, n_phi, entries);
  }();
  return components(three.view({n, dim * dim * dim}));
}

/// a: (n, 21) -> the antisymmetric matrix (n, 7, 7).
at::Tensor two_form_matrix(const at::Tensor& a) {
  static const ConstantMap map = [] {
    LinearMap entries;
    int c = 0;
    for (int i = 0; i < dim; ++i)
      for (int j = i + 1; j < dim; ++j, ++c) {
        entries.push_back({i * dim + j, c, 1.0});
        entries.push_back({j * dim + i, c, -1.0});
      }
    return ConstantMap(n_two, dim * dim, entries);
  }();
  return map(a).view({a.size(0), dim, dim});
}
/// x_ia x_jb a^ab for antisymmetric a in components (n, 21).
at::Tensor change_indices_2(const at::Tensor& x, const at::Tensor& a) {
  return upper_triangle(products(products(x, two_form_matrix(a)), x.transpose(1, 2)));
}

at::Tensor sum_of_products(const at::Tensor& a, const at::Tensor& b) {
  return (a * b).sum(-1);
}

/// tau ^ a for a 1-form (n, 7): the components of a 3-form (n, 35) or 4-form (n, 35).
at::Tensor wedge_1_3(const at::Tensor& tau, const at::Tensor& phi) {
  return wedge_e_3(tau.unsqueeze(2) * phi.unsqueeze(1));
}
at::Tensor wedge_1_4(const at::Tensor& tau, const at::Tensor& psi) {
  return wedge_e_4(tau.unsqueeze(2) * psi.unsqueeze(1));
}

}  // namespace

at::Tensor hitchin_form(const at::Tensor& phi) {
  const at::Tensor rows = interior_3(phi);
  return products(products(rows, wedge_pairing(phi)), rows.transpose(1, 2)) / 6.0;
}

at::Tensor metric_from_hitchin(const at::Tensor& b) {
  const at::Tensor det = at::linalg_det(b);
  return b * per_point(det.sign() * det.abs().pow(-1.0 / 9.0), b);
}

at::Tensor is_definite(const at::Tensor& b) {
  const at::NoGradGuard no_gradient;
  const at::Tensor sign = at::linalg_det(b).sign();
  const at::Tensor info = std::get<1>(at::linalg_cholesky_ex(b * per_point(sign, b)));
  return info.eq(0).logical_and(sign.ne(0)).logical_and(b.isfinite().flatten(1).all(1));
}

BatchedG2 g2_structure(const at::Tensor& phi) {
  BatchedG2 s;
  s.phi = phi;
  const at::Tensor b = hitchin_form(phi);
  const at::Tensor det = at::linalg_det(b);
  s.g = b * per_point(det.sign() * det.abs().pow(-1.0 / 9.0), b);
  s.g_inverse = inverses(s.g);
  s.sqrt_det_g = det.abs().pow(1.0 / 9.0);  // det g = |det B|^{1 - 7/9}
  s.orientation = det.sign().detach();
  s.psi = complement_3(change_indices_3(s.g_inverse, phi)) * per_point(s.orientation * s.sqrt_det_g, phi);
  return s;
}

at::Tensor frame_derivatives_of_psi(const BatchedG2& s, const at::Tensor& frame_derivatives) {
  const std::int64_t n = s.phi.size(0);
  const at::Tensor raised = congruence(form_to_tensor(s.phi), s.g_inverse).reshape({n, dim, dim * dim});
  const at::Tensor x =
      products(form_to_tensor(frame_derivatives).view({n, dim * dim, dim * dim}), raised.transpose(1, 2))
          .view({n, dim, dim, dim});
  const at::Tensor flipped = x.transpose(2, 3);
  const at::Tensor trace = products(x.view({n, dim, dim * dim}), s.g_inverse.reshape({n, dim * dim, 1}));
  // (x + x^T)/2 / 4 - tr x g / 36 + (x - x^T)/2 / 12
  const at::Tensor h = x / 6.0 + flipped / 12.0 - trace.unsqueeze(3) * s.g.unsqueeze(1) / 36.0;
  const at::Tensor mixed = products(h.reshape({n, dim * dim, dim}), s.g_inverse);
  return wedge_e_3(products(mixed, interior_4(s.psi)).view({n, dim, dim, n_phi}));
}

ExteriorDerivative::ExteriorDerivative(const geometry::Structure& structure)
    : structure_3_(n_phi, n_phi, geometry::structure_map(3, structure.data())),
      structure_4_(n_phi, n_two, geometry::structure_map(4, structure.data())) {}

at::Tensor ExteriorDerivative::of_3_form(const at::Tensor& phi, const at::Tensor& frame_derivatives) const {
  return wedge_e_3(frame_derivatives) + structure_3_(phi);
}

at::Tensor ExteriorDerivative::of_4_form(const at::Tensor& psi, const at::Tensor& frame_derivatives) const {
  return wedge_e_4(frame_derivatives) + structure_4_(psi);
}

at::Tensor star_4(const BatchedG2& s, const at::Tensor& a) {
  return change_indices_3(s.g, complement_4(a)) * per_point(s.orientation / s.sqrt_det_g, a);
}

at::Tensor star_5(const BatchedG2& s, const at::Tensor& a) {
  return change_indices_2(s.g, complement_5(a)) * per_point(s.orientation / s.sqrt_det_g, a);
}

at::Tensor norm_sq_1(const BatchedG2& s, const at::Tensor& a) {
  return sum_of_products(a, products(s.g_inverse, a.unsqueeze(2)).squeeze(2));
}

at::Tensor norm_sq_2(const BatchedG2& s, const at::Tensor& a) {
  return sum_of_products(a, change_indices_2(s.g_inverse, a));
}

at::Tensor norm_sq_3(const BatchedG2& s, const at::Tensor& a) {
  return sum_of_products(a, change_indices_3(s.g_inverse, a));
}

TorsionEnergy torsion_energy(const BatchedG2& s, const at::Tensor& frame_derivatives,
                             const ExteriorDerivative& d) {
  // |a|^2 of a 4- or 5-form from its complement density w: lower the indices of w, divide by det g.
  const at::Tensor w3 = complement_4(d.of_3_form(s.phi, frame_derivatives));
  const at::Tensor w2 = complement_5(d.of_4_form(s.psi, frame_derivatives_of_psi(s, frame_derivatives)));
  const at::Tensor det_g = s.sqrt_det_g.square();
  return {sum_of_products(w3, change_indices_3(s.g, w3)) / det_g,
          sum_of_products(w2, change_indices_2(s.g, w2)) / det_g};
}

BatchedTorsion torsion(const BatchedG2& s, const at::Tensor& frame_derivatives, const ExteriorDerivative& d) {
  BatchedTorsion t;
  t.dphi = d.of_3_form(s.phi, frame_derivatives);
  t.dpsi = d.of_4_form(s.psi, frame_derivatives_of_psi(s, frame_derivatives));
  const at::Tensor star_dphi = star_4(s, t.dphi);
  const at::Tensor star_dpsi = star_5(s, t.dpsi);
  t.norm2_dphi = norm_sq_3(s, star_dphi);
  t.norm2_dpsi = norm_sq_2(s, star_dpsi);
  const at::Tensor phi_raised = change_indices_3(s.g_inverse, s.phi);
  t.tau0 = sum_of_products(star_dphi, phi_raised) / 7.0;  // <d phi, psi> = <*d phi, phi>
  // d phi_abcd phi^bcd, the sum over b < c < d counted six times
  t.tau1 = products(interior_4(t.dphi), phi_raised.unsqueeze(2)).squeeze(2) * (6.0 / 72.0);
  t.tau2 = -star_5(s, t.dpsi - 4.0 * wedge_1_4(t.tau1, s.psi));
  t.tau3 = star_4(s, t.dphi - per_point(t.tau0, s.psi) * s.psi - 3.0 * wedge_1_3(t.tau1, s.phi));
  t.norm2_tau0 = t.tau0.square();
  t.norm2_tau1 = norm_sq_1(s, t.tau1);
  t.norm2_tau2 = norm_sq_2(s, t.tau2);
  t.norm2_tau3 = norm_sq_3(s, t.tau3);
  return t;
}

}  // namespace k7::g2
