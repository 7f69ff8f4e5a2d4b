// SPDX-License-Identifier: Apache-2.0
#include "g2/forms.hpp"

#include <vector>

#include "g2/small_products.hpp"

namespace k7::g2 {
namespace {

using geometry::dim;
using geometry::LinearMap;
using geometry::n_phi;
using geometry::n_two;

LinearMap expansion_entries() {
  LinearMap entries;
  for (int i = 0; i < dim; ++i)
    for (int j = 0; j < dim; ++j)
      for (int k = 0; k < dim; ++k) {
        const auto s = geometry::three_form_index(i, j, k);
        if (s.sign != 0) entries.push_back({(i * dim + j) * dim + k, s.index, static_cast<double>(s.sign)});
      }
  return entries;
}

/// a_K -> (i_i a)_I for all i: the transpose of (b_i) -> e^i ^ b_i.
LinearMap interior_entries(int p) {
  LinearMap entries = geometry::derivative_map(p - 1);
  for (auto& entry : entries) std::swap(entry.to, entry.from);
  return entries;
}

at::Tensor dense(int n_from, int n_to, const LinearMap& entries) {
  at::Tensor matrix = at::zeros({n_from, n_to}, at::kDouble);
  for (const auto& e : entries) matrix.data_ptr<double>()[e.from * n_to + e.to] += e.value;
  return matrix;
}

at::Tensor join_last_two(const at::Tensor& x) {
  return x.flatten(-2);
}

at::Tensor split_last(const at::Tensor& x, std::int64_t rows, std::int64_t columns) {
  auto shape = x.sizes().vec();
  shape.back() = rows;
  shape.push_back(columns);
  return x.view(shape);
}

}  // namespace

ConstantMap::ConstantMap(int n_from, int n_to, const LinearMap& entries)
    : matrix_(dense(n_from, n_to, entries)) {}

at::Tensor ConstantMap::operator()(const at::Tensor& x) const {
  return at::matmul(x, matrix_.like(x));
}

at::Tensor form_to_tensor(const at::Tensor& phi) {
  static const ConstantMap map(n_phi, dim * dim * dim, expansion_entries());
  const at::Tensor flat = map(phi);
  auto shape = phi.sizes().vec();
  shape.back() = dim;
  shape.insert(shape.end(), {dim, dim});
  return flat.view(shape);
}

at::Tensor wedge_e_2(const at::Tensor& a) {
  static const ConstantMap map(dim * n_two, n_phi, geometry::derivative_map(2));
  return map(join_last_two(a));
}

at::Tensor wedge_e_3(const at::Tensor& a) {
  static const ConstantMap map(dim * n_phi, n_phi, geometry::derivative_map(3));
  return map(join_last_two(a));
}

at::Tensor wedge_e_4(const at::Tensor& a) {
  static const ConstantMap map(dim * n_phi, n_two, geometry::derivative_map(4));
  return map(join_last_two(a));
}

at::Tensor interior_3(const at::Tensor& phi) {
  static const ConstantMap map(n_phi, dim * n_two, interior_entries(3));
  return split_last(map(phi), dim, n_two);
}

at::Tensor interior_4(const at::Tensor& psi) {
  static const ConstantMap map(n_phi, dim * n_phi, interior_entries(4));
  return split_last(map(psi), dim, n_phi);
}

at::Tensor congruence(const at::Tensor& t, const at::Tensor& x) {
  return products(x.transpose(1, 2).unsqueeze(1), products(t, x.unsqueeze(1)));
}

at::Tensor upper_triangle(const at::Tensor& matrix) {
  static const ConstantMap map = [] {
    LinearMap entries;
    int n = 0;
    for (int i = 0; i < dim; ++i)
      for (int j = i + 1; j < dim; ++j) entries.push_back({n++, i * dim + j, 1.0});
    return ConstantMap(dim * dim, n_two, entries);
  }();
  return map(matrix.flatten(-2));
}

at::Tensor identity_like(const at::Tensor& x) {
  static const Constant identity(at::eye(dim, at::kDouble));
  return identity.like(x);
}

at::Tensor inverses(const at::Tensor& matrices) {
  return std::get<0>(at::linalg_inv_ex(matrices));
}

at::Tensor contraction(const at::Tensor& phi) {
  const at::Tensor rows = form_to_tensor(phi).view({phi.size(0), dim, dim * dim});
  return products(rows, rows.transpose(1, 2));
}

at::Tensor metric_from_contraction(const at::Tensor& b, double target_det) {
  const at::Tensor scale = at::pow(target_det / at::linalg_det(b).abs(), 1.0 / dim);
  return b * scale.view({-1, 1, 1});
}

at::Tensor standard_form(const at::Tensor& like) {
  static const Constant form([] {
    const auto& numbers = geometry::standard_form();
    return at::from_blob(const_cast<double*>(numbers.data()), {n_phi}, at::kDouble).clone();
  }());
  return form.like(like);
}

}  // namespace k7::g2
