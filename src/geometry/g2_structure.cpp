// SPDX-License-Identifier: Apache-2.0
#include "k7/geometry/g2_structure.hpp"

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "k7/base/error.hpp"
#include "k7/geometry/exterior.hpp"

namespace k7::geometry {
namespace {

using Components = std::vector<double>;  // of a p-form, C(7,p) of them
using Matrix7x21 = Eigen::Matrix<double, dim, n_two, Eigen::RowMajor>;
using Matrix21 = Eigen::Matrix<double, n_two, n_two, Eigen::RowMajor>;

double inner(const Components& a, const double* b) {
  return std::inner_product(a.begin(), a.end(), b, 0.0);
}

void accumulate(const LinearMap& map, const double* from, double* to) {
  for (const MapEntry& entry : map) to[entry.to] += entry.value * from[entry.from];
}

// The p x p minors det A[I, J], from those of size p - 1 by Laplace expansion along the first row of I.
Eigen::MatrixXd minors(const Matrix7& a, int p) {
  if (p == 0) return Eigen::MatrixXd::Ones(1, 1);
  const Eigen::MatrixXd smaller = minors(a, p - 1);
  const auto& sets = form_masks(p);
  const auto size = static_cast<Eigen::Index>(sets.size());
  Eigen::MatrixXd result = Eigen::MatrixXd::Zero(size, size);
  for (const IndexMask rows : sets) {
    int first = 0;
    while ((rows >> first & 1U) == 0) ++first;
    const int other_rows = form_position(rows & ~(1U << first));
    for (const IndexMask columns : sets)
      for (int j = 0; j < dim; ++j) {
        if ((columns >> j & 1U) == 0) continue;
        const IndexMask rest = columns & ~(1U << j);
        result(form_position(rows), form_position(columns)) +=
            wedge_sign(1U << j, rest) * a(first, j) * smaller(other_rows, form_position(rest));
      }
  }
  return result;
}

// a^I from a_I.
Components raise(const Matrix7& g_inverse, int p, const double* form) {
  const auto size = static_cast<Eigen::Index>(form_masks(p).size());
  Components raised(form_masks(p).size());
  Eigen::Map<Eigen::VectorXd>(raised.data(), size) =
      minors(g_inverse, p) * Eigen::Map<const Eigen::VectorXd>(form, size);
  return raised;
}

// a ^ *b = <a, b> vol for all a: (*b)_J = s sqrt(det g) sign(I, J) b^I with J the complement of I.
template <class Form>
Form hodge_star(const G2Structure& s, int p, const double* form) {
  Form star{};
  accumulate(complement_map(p), raise(s.g_inverse, p, form).data(), star.data());
  for (double& component : star) component *= s.orientation * s.sqrt_det_g;
  return star;
}

// t ^ a for a 1-form t: d a with E_i a_I replaced by t_i a_I.
template <class Form>
Form wedge_one_form(const Form1& t, int p, const Form4& a) {
  std::array<double, dim * n_phi> products;
  for (int i = 0; i < dim; ++i)
    for (int n = 0; n < n_phi; ++n) products[i * n_phi + n] = t[i] * a[n];
  Form result{};
  accumulate(derivative_map(p), products.data(), result.data());
  return result;
}

template <class Form>
Form exterior_derivative(int p, const double* form, const double* frame_derivatives,
                         const Structure& structure) {
  Form d{};
  accumulate(derivative_map(p), frame_derivatives, d.data());
  accumulate(structure_map(p, structure.data()), form, d.data());
  return d;
}

// Row i: the 2-form i_i phi, phi_iab with a < b.
Matrix7x21 interior_products(const Form3& phi) {
  Matrix7x21 result;
  for (int i = 0; i < dim; ++i)
    for (const IndexMask pair : form_masks(2)) {
      const int sign = wedge_sign(1U << i, pair);
      result(i, form_position(pair)) = sign == 0 ? 0.0 : sign * phi[form_position(1U << i | pair)];
    }
  return result;
}

// The matrix W with W_MN e^{0..6} = e^M ^ e^N ^ phi.
Matrix21 wedge_pairing(const Form3& phi) {
  constexpr IndexMask all_indices = (1U << dim) - 1;
  Matrix21 result = Matrix21::Zero();
  for (const IndexMask m : form_masks(2))
    for (const IndexMask n : form_masks(2)) {
      if ((m & n) != 0) continue;
      const IndexMask rest = all_indices & ~(m | n);
      const int sign = wedge_sign(m, n) * wedge_sign(m | n, rest);
      result(form_position(m), form_position(n)) = sign * phi[form_position(rest)];
    }
  return result;
}

// (1/6) i_i a ^ i_j b ^ c, whose value at a = b = c = phi is B.
Matrix7 hitchin_trilinear(const Form3& a, const Form3& b, const Form3& c) {
  return interior_products(a) * wedge_pairing(c) * interior_products(b).transpose() / 6.0;
}

// B at phi + t change, differentiated at t = 0. Exchanging the first two forms transposes the matrix.
Matrix7 hitchin_derivative(const Form3& phi, const Form3& change) {
  const Matrix7 first = hitchin_trilinear(change, phi, phi);
  return first + first.transpose() + hitchin_trilinear(phi, phi, change);
}

// a_ijk h^kl b_mnl, for i<j<m<n.
Form4 contract_one_index(const Form3& a, const Matrix7& h, const Form3& b) {
  using Rows = Eigen::Matrix<double, dim * dim, dim, Eigen::RowMajor>;
  const Tensor3 tensor_a = form_to_tensor(a);
  const Tensor3 tensor_b = form_to_tensor(b);
  const Rows raised = Eigen::Map<const Rows>(tensor_a.data()) * h;
  const Eigen::Map<const Rows> other(tensor_b.data());
  Form4 result;
  int position = 0;
  for (int i = 0; i < dim; ++i)
    for (int j = i + 1; j < dim; ++j)
      for (int m = j + 1; m < dim; ++m)
        for (int n = m + 1; n < dim; ++n)
          result[position++] = raised.row(i * dim + j).dot(other.row(m * dim + n));
  return result;
}

// g_im h_jn - g_in h_jm, for i<j<m<n.
Form4 metric_terms(const Matrix7& g, const Matrix7& h) {
  Form4 result;
  int position = 0;
  for (int i = 0; i < dim; ++i)
    for (int j = i + 1; j < dim; ++j)
      for (int m = j + 1; m < dim; ++m)
        for (int n = m + 1; n < dim; ++n) result[position++] = g(i, m) * h(j, n) - g(i, n) * h(j, m);
  return result;
}

// psi_ijmn = phi_ijk g^kl phi_mnl - g_im g_jn + g_in g_jm.
Form4 psi_of(const Form3& phi, const Matrix7& g, const Matrix7& g_inverse) {
  Form4 psi = contract_one_index(phi, g_inverse, phi);
  const Form4 metric_part = metric_terms(g, g);
  for (int n = 0; n < n_phi; ++n) psi[n] -= metric_part[n];
  return psi;
}

Form4 derivative_of_psi(const G2Structure& s, const Form3& change) {
  // g = B / r with r = det(B)^{1/9}, and r'/r = tr(B^{-1} B') / 9.
  const double r = s.orientation * s.sqrt_det_g;
  const Matrix7 b_change = hitchin_derivative(s.phi, change) / r;
  const Matrix7 g_change = b_change - s.g * ((s.g_inverse * b_change).trace() / 9.0);
  const Matrix7 g_inverse_change = -s.g_inverse * g_change * s.g_inverse;

  Form4 result{};
  for (const Form4& term :
       {contract_one_index(change, s.g_inverse, s.phi), contract_one_index(s.phi, g_inverse_change, s.phi),
        contract_one_index(s.phi, s.g_inverse, change)})
    for (int n = 0; n < n_phi; ++n) result[n] += term[n];
  for (const Form4& term : {metric_terms(g_change, s.g), metric_terms(s.g, g_change)})
    for (int n = 0; n < n_phi; ++n) result[n] -= term[n];
  return result;
}

// dphi_abcd phi^bcd / 72; the sum over b<c<d is a sixth of it.
Form1 tau1_of(const G2Structure& s, const Form4& dphi) {
  const Components phi_raised = raise(s.g_inverse, 3, s.phi.data());
  Form1 tau1{};
  for (int a = 0; a < dim; ++a)
    for (const IndexMask set : form_masks(3)) {
      const int sign = wedge_sign(1U << a, set);
      if (sign != 0)
        tau1[a] += sign * dphi[form_position(1U << a | set)] * phi_raised[form_position(set)] / 12.0;
    }
  return tau1;
}

}  // namespace

Matrix7 hitchin_form(const Form3& phi) {
  return hitchin_trilinear(phi, phi, phi);
}

bool is_positive(const Form3& phi) {
  const Matrix7 b = hitchin_form(in_units(phi, -unit_exponent(phi.data())));
  const double det = b.determinant();
  if (!std::isfinite(det) || det == 0.0) return false;  // Cholesky would let NaN pass
  return Eigen::LLT<Matrix7>((det > 0.0 ? 1.0 : -1.0) * b).info() == Eigen::Success;
}

G2Structure g2_structure(const Form3& phi) {
  if (!is_positive(phi))
    throw InputError("this 3-form is not a G2-structure: i_u phi ^ i_v phi ^ phi is not definite");
  const int m = unit_exponent(phi.data());  // det B is of degree 21 in phi
  const Form3 unit_phi = in_units(phi, -m);
  const Matrix7 b = hitchin_form(unit_phi);
  const double r = std::cbrt(std::cbrt(b.determinant()));  // the real ninth root
  G2Structure s;
  s.phi = phi;
  s.g = b / r;
  s.g_inverse = s.g.inverse();
  s.psi = psi_of(unit_phi, s.g, s.g_inverse);
  s.orientation = r > 0.0 ? 1 : -1;
  s.sqrt_det_g = std::ldexp(std::abs(r), 7 * m);  // det g = r^-7 det B = r^2
  s.g *= std::ldexp(1.0, 2 * m);
  s.g_inverse *= std::ldexp(1.0, -2 * m);
  for (double& component : s.psi) component = std::ldexp(component, 4 * m);
  return s;
}

Form3 pullback(const Matrix7& a, const Form3& phi) {
  Form3 result;
  Eigen::Map<Eigen::VectorXd>(result.data(), n_phi) =
      minors(a, 3).transpose() * Eigen::Map<const Eigen::VectorXd>(phi.data(), n_phi);
  return result;
}

Form4 exterior_derivative_3(const Form3& phi, const double* frame_derivatives, const Structure& structure) {
  return exterior_derivative<Form4>(3, phi.data(), frame_derivatives, structure);
}

Form5 exterior_derivative_4(const Form4& psi, const double* frame_derivatives, const Structure& structure) {
  return exterior_derivative<Form5>(4, psi.data(), frame_derivatives, structure);
}

std::array<double, dim * n_phi> frame_derivatives_of_psi(const G2Structure& s,
                                                         const double* frame_derivatives) {
  std::array<double, dim * n_phi> result;
  for (int a = 0; a < dim; ++a) {
    Form3 change;
    std::copy_n(frame_derivatives + a * n_phi, n_phi, change.begin());
    const Form4 psi_change = derivative_of_psi(s, change);
    std::copy(psi_change.begin(), psi_change.end(), result.begin() + a * n_phi);
  }
  return result;
}

double norm_sq(const Matrix7& g_inverse, int p, const double* form) {
  return inner(raise(g_inverse, p, form), form);
}

Torsion torsion(const G2Structure& s, const double* frame_derivatives, const Structure& structure) {
  Torsion t;
  t.dphi = exterior_derivative_3(s.phi, frame_derivatives, structure);
  t.dpsi = exterior_derivative_4(s.psi, frame_derivatives_of_psi(s, frame_derivatives).data(), structure);
  t.tau0 = inner(raise(s.g_inverse, 4, t.dphi.data()), s.psi.data()) / 7.0;
  t.tau1 = tau1_of(s, t.dphi);

  Form4 rest4 = wedge_one_form<Form4>(t.tau1, 3, s.phi);
  for (int n = 0; n < n_phi; ++n) rest4[n] = t.dphi[n] - t.tau0 * s.psi[n] - 3.0 * rest4[n];
  t.tau3 = hodge_star<Form3>(s, 4, rest4.data());
  Form5 rest5 = wedge_one_form<Form5>(t.tau1, 4, s.psi);
  for (int n = 0; n < n_two; ++n) rest5[n] = 4.0 * rest5[n] - t.dpsi[n];
  t.tau2 = hodge_star<Form2>(s, 5, rest5.data());

  t.norm2_dphi = norm_sq(s.g_inverse, 4, t.dphi.data());
  t.norm2_dpsi = norm_sq(s.g_inverse, 5, t.dpsi.data());
  t.norm2_tau0 = t.tau0 * t.tau0;
  t.norm2_tau1 = norm_sq(s.g_inverse, 1, t.tau1.data());
  t.norm2_tau2 = norm_sq(s.g_inverse, 2, t.tau2.data());
  t.norm2_tau3 = norm_sq(s.g_inverse, 3, t.tau3.data());
  return t;
}

}  // namespace k7::geometry
