// SPDX-License-Identifier: Apache-2.0
#include "k7/g2/torsion_fields.hpp"

#include <limits>

#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"

namespace k7::g2 {
namespace {

using geometry::dim;
using geometry::n_phi;

at::Tensor borrow(const std::vector<double>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<double*>(values.data()), shape, at::kDouble);
}

PointField field(const std::string& name, const at::Tensor& t) {
  const at::Tensor host = t.to(at::kDouble).cpu().contiguous();
  const std::int64_t n = host.size(0);
  const auto width = static_cast<int>(n > 0 ? host.numel() / n : 0);
  const auto* data = host.data_ptr<double>();
  return {name, static_cast<int>(host.dim()) - 1, width, {data, data + host.numel()}};
}

}  // namespace

std::vector<PointField> torsion_fields(const std::vector<double>& phi,
                                       const std::vector<double>& frame_derivatives,
                                       const geometry::Structure& structure) {
  const at::NoGradGuard no_gradient;
  const auto n = static_cast<std::int64_t>(phi.size()) / n_phi;
  const at::Tensor form = borrow(phi, {n, n_phi});
  const at::Tensor derivatives = borrow(frame_derivatives, {n, dim, n_phi});
  const at::Tensor positive = is_definite(hitchin_form(form));
  // Where phi is not positive, phi_0 stands in, so that no decomposition of the batch fails.
  const at::Tensor safe = at::where(positive.unsqueeze(1), form, standard_form(form));
  const ExteriorDerivative d(structure);
  const BatchedG2 s = g2_structure(safe);
  const BatchedTorsion t = torsion(s, derivatives, d);
  const auto masked = [&](const std::string& name, const at::Tensor& values) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(values.dim()), 1);
    shape[0] = n;
    const at::Tensor nan = at::full({}, std::numeric_limits<double>::quiet_NaN(), values.options());
    return field(name, at::where(positive.view(shape), values, nan));
  };
  return {masked("g", s.g),
          masked("sqrt_det_g", s.sqrt_det_g),
          masked("orientation", s.orientation),
          masked("psi", s.psi),
          field("dphi", d.of_3_form(form, derivatives)),
          masked("dpsi", t.dpsi),
          masked("norm2_dphi", t.norm2_dphi),
          masked("norm2_dpsi", t.norm2_dpsi),
          masked("tau0", t.tau0),
          masked("tau1", t.tau1),
          masked("tau2", t.tau2),
          masked("tau3", t.tau3),
          masked("norm2_tau0", t.norm2_tau0),
          masked("norm2_tau1", t.norm2_tau1),
          masked("norm2_tau2", t.norm2_tau2),
          masked("norm2_tau3", t.norm2_tau3),
          field("positive", positive)};
}

}  // namespace k7::g2
