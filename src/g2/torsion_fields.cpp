// SPDX-License-Identifier: Apache-2.0
#include "k7/g2/torsion_fields.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"
#include "k7/geometry/three_form.hpp"

namespace k7::g2 {
namespace {

using geometry::dim;
using geometry::n_phi;

at::Tensor borrow(const std::vector<double>& values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<double*>(values.data()), shape, at::kDouble);
}

/// The units of each point in which the components of phi are about 1, so that det B, of degree 21 in phi, stays in
/// the range of numbers. Going back to the units of the input is exact: each quantity scales with a power of 2^m, of
/// which phi has the third and lengths the first.
class Units {
 public:
  explicit Units(const std::vector<double>& phi) {
    for (std::size_t c = 0; c < phi.size(); c += n_phi) m_.push_back(geometry::unit_exponent(&phi[c]));
  }

  /// Numbers of all points, each times 2^{power m}.
  std::vector<double> scale(std::vector<double> values, int power) const {
    const std::size_t width = m_.empty() ? 0 : values.size() / m_.size();
    for (std::size_t i = 0; i < m_.size(); ++i) {
      if (m_[i] == 0) continue;
      for (std::size_t c = i * width; c < (i + 1) * width; ++c)
        values[c] = std::ldexp(values[c], power * m_[i]);
    }
    return values;
  }

 private:
  std::vector<int> m_;
};

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
  const ExteriorDerivative d(structure);
  const at::Tensor dphi = d.of_3_form(borrow(phi, {n, n_phi}), borrow(frame_derivatives, {n, dim, n_phi}));
  const Units units(phi);
  const auto unit_phi = units.scale(phi, -3);
  const auto unit_derivatives = units.scale(frame_derivatives, -3);
  const at::Tensor form = borrow(unit_phi, {n, n_phi});
  const at::Tensor derivatives = borrow(unit_derivatives, {n, dim, n_phi});
  const at::Tensor positive = is_definite(hitchin_form(form));
  // Where phi is not positive, phi_0 stands in, so that no decomposition of the batch fails.
  const BatchedG2 s = g2_structure(at::where(positive.unsqueeze(1), form, standard_form(form)));
  const BatchedTorsion t = torsion(s, derivatives, d);
  const auto masked = [&](const std::string& name, const at::Tensor& values, int power) {
    std::vector<std::int64_t> shape(static_cast<std::size_t>(values.dim()), 1);
    shape[0] = n;
    const at::Tensor nan = at::full({}, std::numeric_limits<double>::quiet_NaN(), values.options());
    PointField result = field(name, at::where(positive.view(shape), values, nan));
    result.values = units.scale(std::move(result.values), power);
    return result;
  };
  return {masked("g", s.g, 2),
          masked("sqrt_det_g", s.sqrt_det_g, 7),
          masked("orientation", s.orientation, 0),
          masked("psi", s.psi, 4),
          field("dphi", dphi),
          masked("dpsi", t.dpsi, 4),
          masked("norm2_dphi", t.norm2_dphi, -2),
          masked("norm2_dpsi", t.norm2_dpsi, -2),
          masked("tau0", t.tau0, -1),
          masked("tau1", t.tau1, 0),
          masked("tau2", t.tau2, 1),
          masked("tau3", t.tau3, 2),
          masked("norm2_tau0", t.norm2_tau0, -2),
          masked("norm2_tau1", t.norm2_tau1, -2),
          masked("norm2_tau2", t.norm2_tau2, -2),
          masked("norm2_tau3", t.norm2_tau3, -2),
          field("positive", positive)};
}

}  // namespace k7::g2
