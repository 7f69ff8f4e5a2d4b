// SPDX-License-Identifier: Apache-2.0
// An interval of radii times S3 x S3, the coframe (dr, sigma, Sigma), with the Bryant-Salamon metric of bolt
// radius 1 prescribed at both ends.
#include <algorithm>
#include <cmath>

#include "base/quote.hpp"
#include "geometry/bryant_salamon.hpp"
#include "geometry/sphere_product.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/manifold.hpp"

namespace k7::geometry {
namespace {

constexpr double bolt_radius = 1.0;

Matrix7 coframe_at(double r) {
  Matrix7 a;
  bryant_salamon_coframe(r, bolt_radius, a.data(), nullptr);
  return a;
}

class IntervalManifold final : public SphereProduct {
 public:
  explicit IntervalManifold(const std::array<double, 2>& ends)
      : SphereProduct({ends[0], ends[1] - ends[0], false}, {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}),
        begin_(ends[0]),
        end_(ends[1]),
        at_begin_(coframe_at(begin_)),
        at_end_(coframe_at(end_)) {}

  std::string name() const override { return "interval-s3xs3"; }

  void background(const double* point, double* a, double* da) const override {
    const double t = (point[0] - begin_) / (end_ - begin_);
    Matrix7::Map(a) = (1.0 - t) * at_begin_ + t * at_end_;
    std::fill_n(da, dim * dim * dim, 0.0);
    Matrix7::Map(da) = (at_end_ - at_begin_) / (end_ - begin_);
  }

  double envelope(const double* point, double* d) const override {
    const double r = point[0];
    const double factor = 4.0 / ((end_ - begin_) * (end_ - begin_));
    std::fill_n(d, dim, 0.0);
    d[0] = factor * (begin_ + end_ - 2.0 * r);
    return factor * (r - begin_) * (end_ - r);
  }

  bool exact_coframe(const double* point, double* a) const override {
    bryant_salamon_coframe(point[0], bolt_radius, a, nullptr);
    return true;
  }

 private:
  double begin_;
  double end_;
  Matrix7 at_begin_;
  Matrix7 at_end_;
};

}  // namespace

/// @throws InputError unless 1 < interval[0] < interval[1], both finite
std::unique_ptr<Manifold> make_interval(const ManifoldParameters& parameters) {
  const auto& interval = parameters.interval;
  const auto [begin, end] = interval;
  if (!(begin > bolt_radius && end > begin && std::isfinite(end)))
    throw InputError("interval of interval-s3xs3 is " + short_number(begin) + ", " + short_number(end) +
                     "; finite ends 1 < r0 < r1 are needed, in units of the bolt radius");
  return std::make_unique<IntervalManifold>(interval);
}

}  // namespace k7::geometry
