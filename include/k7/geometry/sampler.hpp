// SPDX-License-Identifier: Apache-2.0
//
// Random points that depend on (seed, stream, step, index) alone, never on the rank: P ranks see the same
// points as one. Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

#include <cstdint>

#include "k7/geometry/conventions.hpp"

namespace k7::geometry {

/// What the numbers are used for; streams of one seed are independent.
enum class Stream : std::uint32_t {
  training = 0,
  samples = 1,
  weights = 2,
  eigensolver = 3,
  validation = 4,
  baseline = 5,
  halves = 6,
  nodes = 7
};

/// Names one random draw.
struct DrawKey {
  std::uint64_t seed;
  Stream stream;
  std::uint32_t step;
};

/// Two uniform numbers in the open interval (0, 1) for (key, index, block); block < 2^24.
void uniform_pair(const DrawKey& key, std::uint64_t index, std::uint32_t block, double out[2]);

/// Point `index` of a draw, uniform on S1 x S3 x S3: [theta in [0, 2 pi), q1 (w,x,y,z), q2 (w,x,y,z)].
void sample_neck(const DrawKey& key, std::uint64_t index, double point[point_size_neck]);

/// Point `index` of a draw, uniform in the cube [0, 2 pi)^7.
void sample_torus(const DrawKey& key, std::uint64_t index, double point[dim]);

/// The notebook's seven coordinates of a point of S1 x S3 x S3.
void neck_coordinates(const double point[point_size_neck], double coords[dim]);

}  // namespace k7::geometry
