// SPDX-License-Identifier: Apache-2.0
//
// What the SIMD kernels share. Like them it is compiled once per instruction set, so its guard opens again for
// each: include it after <hwy/foreach_target.h>.
#if defined(K7_SPECTRAL_KNN_SIMD) == defined(HWY_TARGET_TOGGLE)
#ifdef K7_SPECTRAL_KNN_SIMD
#undef K7_SPECTRAL_KNN_SIMD
#else
#define K7_SPECTRAL_KNN_SIMD
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <cstring>

#include "k7/geometry/manifold.hpp"
#include "spectral/knn/leaf_tree.hpp"

HWY_BEFORE_NAMESPACE();
namespace k7::spectral::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;
using Kind = geometry::Factor::Kind;
constexpr std::size_t leaf_size = LeafTree::leaf_size;

using F = hn::ScalableTag<float>;
using FV = hn::Vec<F>;

/// Bit i is lane i.
HWY_INLINE std::uint64_t Bits(hn::Mask<F> mask) {
  std::uint8_t bytes[8] = {};
  hn::StoreMaskBits(F(), mask, bytes);
  std::uint64_t bits;
  std::memcpy(&bits, bytes, sizeof(bits));
  return bits;
}

}  // namespace
}  // namespace k7::spectral::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
