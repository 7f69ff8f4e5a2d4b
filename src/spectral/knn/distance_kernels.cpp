// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/distance_kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "k7/geometry/metric.hpp"
#include "spectral/knn/leaf_transform.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spectral/knn/distance_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include "spectral/knn/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace k7::spectral::HWY_NAMESPACE {
namespace {

using geometry::dim;
using G = hn::ScalableTag<double>;
using GV = hn::Vec<G>;

/// atan(t) for |t| <= tan(pi/8); S. L. Moshier's Cephes library, single and double precision.
HWY_INLINE FV SmallArcTangent(F d, FV t) {
  const FV z = t * t;
  FV p = hn::Set(d, 8.05374449538e-2F);
  p = hn::MulAdd(p, z, hn::Set(d, -1.38776856032e-1F));
  p = hn::MulAdd(p, z, hn::Set(d, 1.99777106478e-1F));
  p = hn::MulAdd(p, z, hn::Set(d, -3.33329491539e-1F));
  return hn::MulAdd(p * z, t, t);
}

// The float64 code keeps products and sums apart, so that every instruction set gives the same bits.
HWY_INLINE GV SmallArcTangent(G d, GV t) {
  const GV z = t * t;
  GV p = hn::Set(d, -8.750608600031904122785e-1);
  p = p * z + hn::Set(d, -1.615753718733365076637e1);
  p = p * z + hn::Set(d, -7.500855792314704667340e1);
  p = p * z + hn::Set(d, -1.228866684490136173410e2);
  p = p * z + hn::Set(d, -6.485021904942025371773e1);
  GV q = z + hn::Set(d, 2.485846490142306297962e1);
  q = q * z + hn::Set(d, 1.650270098316988542046e2);
  q = q * z + hn::Set(d, 4.328810604912902668951e2);
  q = q * z + hn::Set(d, 4.853903996359136964868e2);
  q = q * z + hn::Set(d, 1.945506571482613964425e2);
  return t + t * (z * p / q);
}

/// atan2(s, w) for s >= 0, not both zero.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V ArcTangent(D d, V s, V w) {
  using T = hn::TFromD<D>;
  const V a = hn::Abs(w);
  const auto is_steep = hn::Gt(s, a * hn::Set(d, static_cast<T>(2.414213562373095)));
  const auto is_middle = hn::Gt(s, a * hn::Set(d, static_cast<T>(0.414213562373095)));
  const V above = hn::IfThenElse(is_steep, hn::Neg(a), hn::IfThenElse(is_middle, s - a, s));
  const V below = hn::IfThenElse(is_steep, s, hn::IfThenElse(is_middle, s + a, a));
  const V start =
      hn::IfThenElse(is_steep, hn::Set(d, static_cast<T>(geometry::pi / 2)),
                     hn::IfThenElse(is_middle, hn::Set(d, static_cast<T>(geometry::pi / 4)), hn::Zero(d)));
  const V angle = start + SmallArcTangent(d, above / below);
  return hn::IfThenElse(hn::Lt(w, hn::Zero(d)), hn::Set(d, static_cast<T>(geometry::pi)) - angle, angle);
}

constexpr int chunk = 64;  // targets at a time

/// Displacement of geometry::displacement_s3 from a to a vector of quaternions b; returns (sin|v| / |v|)^2.
HWY_INLINE GV SphereDisplacement(const double* quaternion, const GV* b, GV* v) {
  const G d;
  GV a[4];
  for (int i = 0; i < 4; ++i) a[i] = hn::Set(d, quaternion[i]);
  const GV w = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];
  const GV x = (a[0] * b[1] - a[1] * b[0]) + (a[3] * b[2] - a[2] * b[3]);
  const GV y = (a[0] * b[2] - a[2] * b[0]) + (a[1] * b[3] - a[3] * b[1]);
  const GV z = (a[0] * b[3] - a[3] * b[0]) + (a[2] * b[1] - a[1] * b[2]);
  const GV s_sq = x * x + y * y + z * z;
  const GV s = hn::Sqrt(s_sq);
  const auto is_pole = hn::Eq(s, hn::Zero(d));  // the same point or its antipode
  const GV angle = ArcTangent(d, s, w);
  const GV scale = hn::IfThenElse(is_pole, hn::Zero(d), angle / s);
  v[0] = hn::IfThenElse(is_pole, angle, scale * x);
  v[1] = scale * y;
  v[2] = scale * z;
  const GV ratio_sq = s_sq / (angle * angle * (s_sq + w * w));
  return hn::IfThenElse(hn::Eq(angle, hn::Zero(d)), hn::Set(d, 1.0), ratio_sq);
}

/// geometry::quadratic_form for a vector of displacements.
HWY_INLINE GV QuadraticForm(const double* g, const GV* v) {
  const G d;
  GV sum = hn::Zero(d);
  for (int i = 0, n = 0; i < dim; ++i) {
    GV row = hn::Set(d, 0.5 * g[n++]) * v[i];
    for (int j = i + 1; j < dim; ++j) row = row + hn::Set(d, g[n++]) * v[j];
    sum = sum + row * v[i];
  }
  return hn::Set(d, 2.0) * sum;
}

void ExactDistances(const SearchSpace& space, const ExactQuery& query, const PointCloud& targets,
                    const std::uint32_t* positions, int n_positions, double* distance_sq,
                    float* volume_factors) {
  const G d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  HWY_ALIGN double points[geometry::point_size_neck][chunk];
  HWY_ALIGN double displacements[dim][chunk];
  HWY_ALIGN double halves[chunk];
  HWY_ALIGN double factors[chunk];
  const int point_size = targets.point_size;
  for (int begin = 0; begin < n_positions; begin += chunk) {
    const int n = std::min(chunk, n_positions - begin);
    const int n_padded = (n + lanes - 1) / lanes * lanes;
    for (int i = 0; i < n_padded; ++i) {
      const double* p = targets.point(positions[begin + std::min(i, n - 1)]);
      for (int c = 0; c < point_size; ++c) points[c][i] = p[c];
    }
    for (int i = 0; i < n_padded; i += lanes) {
      GV v[dim];
      GV factor = hn::Set(d, 1.0);
      for (const auto& f : space.factors) {
        if (f.kind == Kind::sphere) {
          GV b[4];
          for (int c = 0; c < 4; ++c) b[c] = hn::Load(d, &points[f.point + c][i]);
          factor = factor * SphereDisplacement(query.point + f.point, b, v + f.frame);
        } else {
          GV x = hn::Load(d, &points[f.point][i]) - hn::Set(d, query.point[f.point]);
          if (f.kind == Kind::circle) {
            const GV period = hn::Set(d, f.period);
            x = x - period * hn::Round(x / period);
          }
          v[f.frame] = x;
        }
      }
      hn::Store(QuadraticForm(query.metric, v), d, &halves[i]);
      if (space.has_volume_factors) hn::Store(factor, d, &factors[i]);
      if (!space.one_metric)
        for (int c = 0; c < dim; ++c) hn::Store(v[c], d, &displacements[c][i]);
    }
    for (int i = 0; i < n; ++i) {
      double other = halves[i];
      if (!space.one_metric) {
        double v[dim];
        for (int c = 0; c < dim; ++c) v[c] = displacements[c][i];
        other = geometry::quadratic_form(targets.metric(positions[begin + i]), v);
      }
      distance_sq[begin + i] = 0.5 * (halves[i] + other);
    }
    if (space.has_volume_factors)
      for (int i = 0; i < n; ++i) volume_factors[begin + i] = static_cast<float>(factors[i]);
  }
}

/// log(conj(a) (a + difference)) in float32, accurate relative to its length unless the angle is near pi.
HWY_INLINE FV NearSphereDisplacement(const double* quaternion, const FV* b, FV* v) {
  const F d;
  FV a[4];
  double square = 0.0;
  for (int i = 0; i < 4; ++i) {
    a[i] = hn::Set(d, static_cast<float>(quaternion[i]));
    square += quaternion[i] * quaternion[i];
  }
  const FV w = hn::MulAdd(a[0], b[0], hn::MulAdd(a[1], b[1], hn::MulAdd(a[2], b[2], a[3] * b[3]))) +
               hn::Set(d, static_cast<float>(square));
  const FV x = hn::NegMulAdd(a[2], b[3], hn::MulAdd(a[3], b[2], hn::NegMulAdd(a[1], b[0], a[0] * b[1])));
  const FV y = hn::NegMulAdd(a[3], b[1], hn::MulAdd(a[1], b[3], hn::NegMulAdd(a[2], b[0], a[0] * b[2])));
  const FV z = hn::NegMulAdd(a[1], b[2], hn::MulAdd(a[2], b[1], hn::NegMulAdd(a[3], b[0], a[0] * b[3])));
  const FV s = hn::Sqrt(hn::MulAdd(x, x, hn::MulAdd(y, y, z * z)));
  const FV tiny = hn::Set(d, 1e-37F);
  const FV scale = ArcTangent(d, s, w) / hn::Max(s, tiny);
  v[0] = scale * x;
  v[1] = scale * y;
  v[2] = scale * z;
  return w;
}

/// Four numbers of four targets less those of the query, as four columns.
HWY_INLINE void LoadQuadruples(const double* query, const std::array<const double*, 4>& points,
                               float (*columns)[chunk], int i) {
#if HWY_MAX_BYTES >= 32
  const hn::FixedTag<double, 4> d;
  const hn::FixedTag<float, 4> f;
  const auto q = hn::LoadU(d, query);
  const auto row0 = hn::DemoteTo(f, hn::LoadU(d, points[0]) - q);
  const auto row1 = hn::DemoteTo(f, hn::LoadU(d, points[1]) - q);
  const auto row2 = hn::DemoteTo(f, hn::LoadU(d, points[2]) - q);
  const auto row3 = hn::DemoteTo(f, hn::LoadU(d, points[3]) - q);
  const auto even_low = hn::InterleaveLower(f, row0, row2);
  const auto odd_low = hn::InterleaveLower(f, row1, row3);
  const auto even_high = hn::InterleaveUpper(f, row0, row2);
  const auto odd_high = hn::InterleaveUpper(f, row1, row3);
  hn::Store(hn::InterleaveLower(f, even_low, odd_low), f, &columns[0][i]);
  hn::Store(hn::InterleaveUpper(f, even_low, odd_low), f, &columns[1][i]);
  hn::Store(hn::InterleaveLower(f, even_high, odd_high), f, &columns[2][i]);
  hn::Store(hn::InterleaveUpper(f, even_high, odd_high), f, &columns[3][i]);
#else
  for (std::size_t t = 0; t < points.size(); ++t)
    for (int c = 0; c < 4; ++c)
      columns[c][i + static_cast<int>(t)] = static_cast<float>(points[t][c] - query[c]);
#endif
}

/// x less whole periods, in [-period / 2, period / 2] up to rounding.
HWY_INLINE double Wrap(double x, double period) {
  const double turns = x / period;
  return x - period * static_cast<double>(static_cast<std::int64_t>(turns + std::copysign(0.5, turns)));
}

/// Differences of targets from the query, number by number, those of circles wrapped; taken in float64. The
/// last target fills up to n_padded, a multiple of 4.
HWY_INLINE void LoadDifferences(const SearchSpace& space, const double* query, const PointCloud& targets,
                                const std::uint32_t* positions, int n, int n_padded,
                                float (*differences)[chunk]) {
  for (int i = 0; i < n_padded; i += 4) {
    std::array<const double*, 4> points;
    for (int t = 0; t < 4; ++t)
      points[static_cast<std::size_t>(t)] = targets.point(positions[std::min(i + t, n - 1)]);
    for (const auto& f : space.factors) {
      if (f.kind == Kind::sphere) {
        const auto first = [&](std::size_t t) { return points[t] + f.point; };
        LoadQuadruples(query + f.point, {first(0), first(1), first(2), first(3)}, differences + f.point, i);
        continue;
      }
      for (int t = 0; t < 4; ++t) {
        const double x = points[static_cast<std::size_t>(t)][f.point] - query[f.point];
        differences[f.point][i + t] = static_cast<float>(f.kind == Kind::circle ? Wrap(x, f.period) : x);
      }
    }
  }
}

int KeepNear(const SearchSpace& space, const ExactQuery& query, const float* half_form,
             const PointCloud& targets, const LeafTree& tree, float limit, std::uint32_t* positions,
             int n_positions) {
  const F d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  const int n_stretches = tree.layout().n_stretches;
  HWY_ALIGN float differences[geometry::point_size_neck][chunk];
  HWY_ALIGN float stretches[max_stretches][chunk];
  int n_kept = 0;
  for (int begin = 0; begin < n_positions; begin += chunk) {
    const int n = std::min(chunk, n_positions - begin);
    const int n_padded = (n + lanes - 1) / lanes * lanes;
    LoadDifferences(space, query.point, targets, positions + begin, n, n_padded, differences);
    for (int i = 0; i < n_padded; ++i) {
      const std::uint32_t position = positions[begin + std::min(i, n - 1)];
      const float* m = tree.stretches(position / leaf_size) + position % leaf_size;
      for (int s = 0; s < n_stretches; ++s) stretches[s][i] = m[static_cast<std::size_t>(s) * leaf_size];
    }
    for (int i = 0; i < n_padded; i += lanes) {
      FV v[dim];
      FV least_w = hn::Zero(d);
      for (const auto& f : space.factors) {
        if (f.kind == Kind::sphere) {
          FV b[4];
          for (int c = 0; c < 4; ++c) b[c] = hn::Load(d, &differences[f.point + c][i]);
          least_w = hn::Min(least_w, NearSphereDisplacement(query.point + f.point, b, v + f.frame));
        } else {
          v[f.frame] = hn::Load(d, &differences[f.point][i]);
        }
      }
      FV sum = hn::Zero(d);
      for (int a = 0, n_form = 0; a < dim; ++a) {
        FV row = hn::Zero(d);
        for (int b = a; b < dim; ++b) row = hn::MulAdd(hn::Set(d, half_form[n_form++]), v[b], row);
        sum = hn::MulAdd(row, v[a], sum);
      }
      FV reference[max_stretches] = {hn::Zero(d), hn::Zero(d), hn::Zero(d)};
      for (const auto& term : space.reference)
        reference[term.stretch] =
            hn::MulAdd(hn::Set(d, term.coefficient) * v[term.a], v[term.b], reference[term.stretch]);
      for (int s = 0; s < n_stretches; ++s)
        sum = hn::MulAdd(hn::Load(d, &stretches[s][i]), reference[s], sum);
      const auto is_above = hn::And(hn::Gt(sum, hn::Set(d, limit * (1.0F + half_form_margin))),
                                    hn::Gt(least_w, hn::Set(d, nearly_antipodal)));
      for (std::uint64_t bits = ~Bits(is_above) & ((std::uint64_t{1} << lanes) - 1); bits != 0;
           bits &= bits - 1) {
        const int q = i + static_cast<int>(hwy::Num0BitsBelowLS1Bit_Nonzero64(bits));
        if (q < n) positions[n_kept++] = positions[begin + q];
      }
    }
  }
  return n_kept;
}

}  // namespace
}  // namespace k7::spectral::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace k7::spectral {

HWY_EXPORT(ExactDistances);
HWY_EXPORT(KeepNear);

void exact_distances(const SearchSpace& space, const ExactQuery& query, const PointCloud& targets,
                     const std::uint32_t* positions, int n, double* distance_sq, float* volume_factors) {
  HWY_DYNAMIC_DISPATCH(ExactDistances)(space, query, targets, positions, n, distance_sq, volume_factors);
}

int keep_near(const SearchSpace& space, const ExactQuery& query, const float* half_form,
              const PointCloud& targets, const LeafTree& tree, float limit, std::uint32_t* positions, int n) {
  return HWY_DYNAMIC_DISPATCH(KeepNear)(space, query, half_form, targets, tree, limit, positions, n);
}

}  // namespace k7::spectral
#endif
