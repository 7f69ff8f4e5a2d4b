// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/knn_kernels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "k7/geometry/metric.hpp"
#include "spectral/knn/leaf_transform.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spectral/knn/knn_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace k7::spectral::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Kind = geometry::Factor::Kind;
using geometry::dim;
constexpr std::size_t leaf_size = LeafTree::leaf_size;

using F = hn::ScalableTag<float>;
using G = hn::ScalableTag<double>;
using FV = hn::Vec<F>;
using GV = hn::Vec<G>;

// --- lower bounds in float32 ------------------------------------------------------------------------------

/// p x for unit complex numbers and quaternions; x itself on a line.
HWY_INLINE void Rotate(Kind kind, const FV* p, const FV* x, FV* y) {
  if (kind == Kind::line) {
    y[0] = x[0];
  } else if (kind == Kind::circle) {
    y[0] = hn::NegMulAdd(p[1], x[1], p[0] * x[0]);
    y[1] = hn::MulAdd(p[1], x[0], p[0] * x[1]);
  } else {
    y[0] = hn::NegMulAdd(p[3], x[3], hn::NegMulAdd(p[2], x[2], hn::NegMulAdd(p[1], x[1], p[0] * x[0])));
    y[1] = hn::NegMulAdd(p[3], x[2], hn::MulAdd(p[2], x[3], hn::MulAdd(p[1], x[0], p[0] * x[1])));
    y[2] = hn::NegMulAdd(p[1], x[3], hn::MulAdd(p[3], x[1], hn::MulAdd(p[2], x[0], p[0] * x[2])));
    y[3] = hn::NegMulAdd(p[2], x[1], hn::MulAdd(p[1], x[2], hn::MulAdd(p[3], x[0], p[0] * x[3])));
  }
}

HWY_INLINE FV Gap(FV lo, FV y, FV hi) {
  return hn::Max(hn::Max(lo - y, y - hi), hn::Zero(F()));
}

/// 1 / (12 r^2), rounded down; 0 on a line.
HWY_INLINE float Quartic(const geometry::Factor& factor) {
  return static_cast<float>((1.0 - 1e-6) / (12.0 * factor.radius * factor.radius));
}

/// The square of the angle times r, from below: c^2 + c^4 / (12 r^2).
HWY_INLINE FV ArcSquare(FV chord_sq, float quartic) {
  return hn::MulAdd(chord_sq * chord_sq, hn::Set(F(), quartic), chord_sq);
}

void NearLeaves(const LeafTree& tree, const LeafFrame& query, float limit, double slack,
                std::vector<LeafBound>& near) {
  const F d;
  const EmbeddingLayout& layout = tree.layout();
  const std::size_t stride = tree.frame_stride();
  const auto size = static_cast<std::size_t>(layout.size);
  const float* table = tree.frame_columns().data();
  const std::size_t lanes = hn::Lanes(d);
  FV centre[max_embedding_size];
  for (std::size_t c = 0; c < size; ++c)
    centre[c] = hn::Set(d, static_cast<float>(query.centre[c] - tree.origin()[c]));
  float reach[max_factors];
  ball_reach(tree, query, slack, reach);
  HWY_ALIGN float bounds[hn::MaxLanes(F())];
  for (std::size_t l = 0; l < stride; l += lanes) {
    FV total = hn::Zero(d);
    for (std::size_t f = 0; f < layout.factors.size(); ++f) {
      const auto& factor = layout.factors[f];
      FV r[4];
      FV x[4];
      FV y[4];
      const auto first = static_cast<std::size_t>(factor.column);
      const auto n = static_cast<std::size_t>(factor.n_columns());
      for (std::size_t c = 0; c < n; ++c) {
        x[c] = centre[first + c] - hn::Load(d, table + (first + c) * stride + l);
        const FV rotation = hn::Load(d, table + (size + first + c) * stride + l);
        r[c] = c == 0 ? rotation : hn::Neg(rotation);
      }
      Rotate(factor.kind, r, x, y);
      FV square = hn::Zero(d);
      for (std::size_t c = 0; c < n; ++c) {
        const FV gap = Gap(hn::Load(d, table + (2 * size + first + c) * stride + l), y[c],
                           hn::Load(d, table + (3 * size + first + c) * stride + l));
        square = hn::MulAdd(gap, gap, square);
      }
      const FV distance = hn::Max(hn::Sqrt(square) - hn::Set(d, reach[f]), hn::Zero(d));
      const auto s = static_cast<std::size_t>(factor.stretch);
      const FV weight = hn::Set(d, 0.5F) *
                        (hn::Set(d, query.stretch[s]) + hn::Load(d, table + (4 * size + s) * stride + l));
      total = hn::MulAdd(weight, ArcSquare(distance * distance, Quartic(factor)), total);
    }
    const FV bound = total * hn::Set(d, 1.0F - 1e-5F);
    if (hn::AllTrue(d, hn::Gt(bound, hn::Set(d, limit)))) continue;
    hn::Store(bound, d, bounds);
    for (std::size_t i = 0; i < lanes && l + i < tree.n_leaves(); ++i)
      if (!(bounds[i] > limit)) near.push_back({bounds[i], static_cast<std::uint32_t>(l + i)});
  }
}

/// One vector of queries in the frame of a target leaf.
struct Approach {
  FV local[max_embedding_size];
  FV weights[max_stretches];  // 1/2 (m_query + m_leaf)
  FV margin;                  // of squared distances near the limit
  hn::Mask<F> may_be_near;
};

HWY_INLINE Approach ApproachBox(const QueryLeaf& queries, std::size_t first, FV limits,
                                const EmbeddingLayout& layout, const LeafTransform& transform,
                                const LeafFrame& box) {
  const F d;
  Approach a;
  a.margin = limits * hn::Set(d, filter_margin);
  for (std::size_t s = 0; s < static_cast<std::size_t>(layout.n_stretches); ++s) {
    a.weights[s] = hn::Set(d, 0.5F) *
                   (hn::Load(d, queries.stretches + s * leaf_size + first) + hn::Set(d, box.stretch[s]));
    a.margin = hn::MulAdd(a.weights[s], hn::Set(d, transform.error[s]), a.margin);
  }
  FV total = hn::Zero(d);
  for (const auto& factor : layout.factors) {
    const auto column = static_cast<std::size_t>(factor.column);
    const auto n = static_cast<std::size_t>(factor.n_columns());
    FV p[4];
    FV x[4];
    FV y[4];
    for (std::size_t c = 0; c < n; ++c) {
      p[c] = hn::Set(d, transform.rotation[column + c]);
      x[c] = hn::Load(d, queries.columns + (column + c) * leaf_size + first);
    }
    Rotate(factor.kind, p, x, y);
    FV square = hn::Zero(d);
    for (std::size_t c = 0; c < n; ++c) {
      y[c] = y[c] + hn::Set(d, transform.shift[column + c]);
      a.local[column + c] = y[c];
      const FV gap = Gap(hn::Set(d, box.lo[column + c]), y[c], hn::Set(d, box.hi[column + c]));
      square = hn::MulAdd(gap, gap, square);
    }
    total = hn::MulAdd(a.weights[factor.stretch], ArcSquare(square, Quartic(factor)), total);
  }
  const FV allowed = hn::MulAdd(hn::Set(d, 2.0F), a.margin, limits);
  const auto is_above = hn::And(hn::Gt(total, allowed), hn::Lt(limits, hn::Set(d, no_limit)));
  a.may_be_near = hn::AndNot(is_above, hn::Ge(limits, hn::Zero(d)));
  return a;
}

/// Largest sum S of weighted squared chords that a pair within the limit T can have: S + S^2 / (12 W) <= T
/// with W = sum_f w_f r_f^2 by Cauchy and Schwarz, where there is no line.
HWY_INLINE FV ChordLimit(FV limits, const FV* weights, const EmbeddingLayout& layout) {
  const F d;
  FV sum = hn::Zero(d);
  for (const auto& factor : layout.factors) {
    if (factor.kind == Kind::line) return limits;
    const auto radius_sq = static_cast<float>(factor.radius * factor.radius * (1.0 + 1e-6));
    sum = hn::MulAdd(weights[factor.stretch], hn::Set(d, radius_sq), sum);
  }
  const FV one = hn::Set(d, 1.0F);
  const FV root = hn::Sqrt(one + limits / (hn::Set(d, 3.0F) * hn::Max(sum, hn::Set(d, 1e-30F))));
  return hn::Set(d, 2.0F) * limits / (root + one);
}

HWY_INLINE std::uint64_t Bits(hn::Mask<F> mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(F(), mask, bytes);
  std::uint64_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

/// Appends the points p with sum_c coefficient[c] column_c[p] >= limit. Coefficients are `stride` apart.
template <int n_columns>
HWY_INLINE int ScanColumns(const float* coefficients, std::size_t stride, float limit, const float* columns,
                           int count, std::uint32_t first_position, std::uint32_t* positions, int n_found) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  FV a[n_columns];
  for (int c = 0; c < n_columns; ++c) a[c] = hn::Set(d, coefficients[c * stride]);
  const FV bound = hn::Set(d, limit);
  for (std::size_t p = 0; p < static_cast<std::size_t>(count); p += 4 * lanes) {
    const float* x = columns + p;
    FV s0 = a[0] * hn::Load(d, x);
    FV s1 = a[0] * hn::Load(d, x + lanes);
    FV s2 = a[0] * hn::Load(d, x + 2 * lanes);
    FV s3 = a[0] * hn::Load(d, x + 3 * lanes);
    for (int c = 1; c < n_columns; ++c) {
      x += leaf_size;
      s0 = hn::MulAdd(a[c], hn::Load(d, x), s0);
      s1 = hn::MulAdd(a[c], hn::Load(d, x + lanes), s1);
      s2 = hn::MulAdd(a[c], hn::Load(d, x + 2 * lanes), s2);
      s3 = hn::MulAdd(a[c], hn::Load(d, x + 3 * lanes), s3);
    }
    const auto m0 = hn::Ge(s0, bound);
    const auto m1 = hn::Ge(s1, bound);
    const auto m2 = hn::Ge(s2, bound);
    const auto m3 = hn::Ge(s3, bound);
    if (hn::AllFalse(d, hn::Or(hn::Or(m0, m1), hn::Or(m2, m3)))) continue;
    std::uint64_t bits = Bits(m0) | Bits(m1) << lanes | Bits(m2) << 2 * lanes | Bits(m3) << 3 * lanes;
    for (; bits != 0; bits &= bits - 1) {
      const auto q = p + hwy::Num0BitsBelowLS1Bit_Nonzero64(bits);
      if (q < static_cast<std::size_t>(count))
        positions[n_found++] = first_position + static_cast<std::uint32_t>(q);
    }
  }
  return n_found;
}

template <int n_columns>
bool ScanLeafColumns(const QueryLeaf& queries, const LeafTree& targets, std::size_t leaf, double slack,
                     Pending& pending) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const EmbeddingLayout& layout = targets.layout();
  const LeafFrame& frame = targets.frame(leaf);
  const LeafTransform transform = leaf_transform(*queries.frame, frame, layout, slack);
  const FV half = hn::Set(d, 0.5F);
  HWY_ALIGN float coefficients[n_columns * hn::MaxLanes(F())];
  HWY_ALIGN float bounds[hn::MaxLanes(F())];
  const auto first_position = static_cast<std::uint32_t>(leaf * leaf_size);
  bool is_full = false;
  for (std::size_t q = 0; q < static_cast<std::size_t>(queries.count); q += lanes) {
    const FV limits = hn::Load(d, queries.limits + q);
    if (hn::AllTrue(d, hn::Lt(limits, hn::Zero(d)))) continue;
    const Approach a = ApproachBox(queries, q, limits, layout, transform, frame);
    if (hn::AllFalse(d, a.may_be_near)) continue;
    // sum_s w_s |x - y|^2 <= S is w x . y - 1/2 w |y|^2 >= 1/2 (w |x|^2 - S).
    FV norm = hn::Zero(d);
    for (const auto& factor : layout.factors) {
      for (int c = factor.column; c < factor.column + factor.n_columns(); ++c) {
        const FV coefficient = a.weights[factor.stretch] * a.local[c];
        norm = hn::MulAdd(coefficient, a.local[c], norm);
        hn::Store(coefficient, d, coefficients + static_cast<std::size_t>(c) * lanes);
      }
    }
    for (int s = 0; s < layout.n_stretches; ++s)
      hn::Store(hn::Neg(half * a.weights[s]), d,
                coefficients + static_cast<std::size_t>(layout.size + s) * lanes);
    const FV chord_limit = ChordLimit(limits, a.weights, layout) + a.margin;
    const FV bound = hn::IfThenElse(hn::Lt(limits, hn::Set(d, no_limit)), half * (norm - chord_limit),
                                    hn::Set(d, -hwy::HighestValue<float>()));
    hn::Store(bound, d, bounds);
    for (std::uint64_t bits = Bits(a.may_be_near); bits != 0; bits &= bits - 1) {
      const auto i = hwy::Num0BitsBelowLS1Bit_Nonzero64(bits);
      int& n_found = pending.counts[q + i];
      n_found = ScanColumns<n_columns>(coefficients + i, lanes, bounds[i], targets.columns(leaf),
                                       targets.count(leaf), first_position,
                                       pending.positions.data() + (q + i) * Pending::capacity, n_found);
      is_full = is_full || n_found > Pending::flush_size;
    }
  }
  return is_full;
}

bool ScanLeaf(const QueryLeaf& queries, const LeafTree& targets, std::size_t leaf, double slack,
              Pending& pending) {
  switch (targets.layout().n_columns()) {
    case 8:
      return ScanLeafColumns<8>(queries, targets, leaf, slack, pending);
    case 9:
      return ScanLeafColumns<9>(queries, targets, leaf, slack, pending);
    case 10:
      return ScanLeafColumns<10>(queries, targets, leaf, slack, pending);
    case 11:
      return ScanLeafColumns<11>(queries, targets, leaf, slack, pending);
    case 12:
      return ScanLeafColumns<12>(queries, targets, leaf, slack, pending);
    case 13:
      return ScanLeafColumns<13>(queries, targets, leaf, slack, pending);
    case 14:
      return ScanLeafColumns<14>(queries, targets, leaf, slack, pending);
    default:
      return ScanLeafColumns<15>(queries, targets, leaf, slack, pending);
  }
}

void NearBox(const QueryLeaf& points, const EmbeddingLayout& layout, const LeafFrame& box, float limit,
             double slack, char* near) {
  const F d;
  const std::size_t lanes = hn::Lanes(d);
  const LeafTransform transform = leaf_transform(*points.frame, box, layout, slack);
  for (std::size_t q = 0; q < static_cast<std::size_t>(points.count); q += lanes) {
    const Approach a = ApproachBox(points, q, hn::Set(d, limit), layout, transform, box);
    for (std::uint64_t bits = Bits(a.may_be_near); bits != 0; bits &= bits - 1) {
      const auto p = q + hwy::Num0BitsBelowLS1Bit_Nonzero64(bits);
      if (p < static_cast<std::size_t>(points.count)) near[p] = 1;
    }
  }
}

// --- displacements in float32 and float64 -----------------------------------------------------------------

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

HWY_EXPORT(NearLeaves);
HWY_EXPORT(ScanLeaf);
HWY_EXPORT(NearBox);
HWY_EXPORT(ExactDistances);
HWY_EXPORT(KeepNear);

void near_leaves(const LeafTree& tree, const LeafFrame& query, float limit, double slack,
                 std::vector<LeafBound>& near) {
  HWY_DYNAMIC_DISPATCH(NearLeaves)(tree, query, limit, slack, near);
}

bool scan_leaf(const QueryLeaf& queries, const LeafTree& targets, std::size_t leaf, double slack,
               Pending& pending) {
  return HWY_DYNAMIC_DISPATCH(ScanLeaf)(queries, targets, leaf, slack, pending);
}

void near_box(const QueryLeaf& points, const EmbeddingLayout& layout, const LeafFrame& box, float limit,
              double slack, char* near) {
  HWY_DYNAMIC_DISPATCH(NearBox)(points, layout, box, limit, slack, near);
}

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
