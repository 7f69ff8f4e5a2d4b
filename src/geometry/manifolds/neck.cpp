// SPDX-License-Identifier: Apache-2.0
// The neck S1 x S3 x S3. The learned coframe is (r0 dtheta, r1 sigma, r2 Sigma).
#include <algorithm>
#include <cmath>

#include "base/quote.hpp"
#include "geometry/left_invariant_spectrum.hpp"
#include "geometry/sphere_product.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"

namespace k7::geometry {
namespace {

class NeckManifold final : public SphereProduct {
 public:
  explicit NeckManifold(const std::array<double, 3>& r)
      : SphereProduct({0.0, 2.0 * pi, true}, {r[0], r[1], r[1], r[1], r[2], r[2], r[2]}) {}

  std::string name() const override { return "s1xs3xs3"; }

  std::vector<double> reference_spectrum(const Matrix7& g, int count, double most_work) const override {
    return neck_spectrum(g, count, most_work);
  }
};

}  // namespace

/// @throws InputError unless the radii are positive and finite
std::unique_ptr<Manifold> make_neck(const ManifoldParameters& parameters) {
  const auto& radii = parameters.radii;
  for (const double r : radii)
    if (!(r > 0.0) || !std::isfinite(r))
      throw InputError("radii of s1xs3xs3 are " + short_number(radii[0]) + ", " + short_number(radii[1]) +
                       ", " + short_number(radii[2]) + "; positive finite numbers are needed");
  return std::make_unique<NeckManifold>(radii);
}

}  // namespace k7::geometry
