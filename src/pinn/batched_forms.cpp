// SPDX-License-Identifier: Apache-2.0
#include "pinn/batched_forms.hpp"

#include <vector>

namespace k7::pinn {
namespace {

using geometry::dim;
using geometry::n_phi;

/// The linear map from components to tensor entries, (35, 343) with entries 0, +1, -1. A product with it is
/// one GEMM forwards and one backwards, where scattering slices takes 210 small steps each way.
at::Tensor expansion(const at::Tensor& like) {
  static const at::Tensor table = [] {
    at::Tensor t = at::zeros({n_phi, dim * dim * dim}, at::kDouble);
    auto* values = t.data_ptr<double>();
    for (int i = 0; i < dim; ++i)
      for (int j = 0; j < dim; ++j)
        for (int k = 0; k < dim; ++k) {
          const auto s = geometry::three_form_index(i, j, k);
          if (s.sign != 0) values[s.index * dim * dim * dim + (i * dim + j) * dim + k] = s.sign;
        }
    return t;
  }();
  return table.to(like.options());
}

}  // namespace

at::Tensor form_to_tensor(const at::Tensor& phi) {
  return at::matmul(phi, expansion(phi)).view({phi.size(0), dim, dim, dim});
}

at::Tensor contraction(const at::Tensor& phi) {
  const at::Tensor rows = form_to_tensor(phi).view({phi.size(0), dim, dim * dim});
  return at::bmm(rows, rows.transpose(1, 2));
}

at::Tensor metric_from_contraction(const at::Tensor& b, double target_det) {
  const at::Tensor scale = at::pow(target_det / at::linalg_det(b).abs(), 1.0 / dim);
  return b * scale.view({-1, 1, 1});
}

at::Tensor standard_form(const at::Tensor& like) {
  const auto& form = geometry::standard_form();
  return at::from_blob(const_cast<double*>(form.data()), {n_phi}, at::kDouble).clone().to(like.options());
}

}  // namespace k7::pinn
