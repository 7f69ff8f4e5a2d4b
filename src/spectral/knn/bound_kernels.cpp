// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/bound_kernels.hpp"

#include "spectral/knn/leaf_transform.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "spectral/knn/bound_kernels.cpp"
#include <hwy/foreach_target.h>
//
#include "spectral/knn/simd.hpp"

HWY_BEFORE_NAMESPACE();
namespace k7::spectral::HWY_NAMESPACE {
namespace {

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

}  // namespace
}  // namespace k7::spectral::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace k7::spectral {

HWY_EXPORT(NearLeaves);
HWY_EXPORT(ScanLeaf);
HWY_EXPORT(NearBox);

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

}  // namespace k7::spectral
#endif
