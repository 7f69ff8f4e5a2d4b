// SPDX-License-Identifier: Apache-2.0
//
// Units of length in which a cloud's numbers are near 1.
#pragma once

#include <array>
#include <memory>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "k7/spectral/spectrum.hpp"

namespace k7::spectral {

/// Powers of two, so that taking them out rounds nothing: a spectrum in other units is the same to the bit, but
/// for the power of two. What would be too large or too small for a product of seven lengths, or for float32,
/// is not so any more.
struct Units {
  std::array<int, geometry::dim> coordinates{};  ///< x_a = 2^coordinates[a] x'_a; 0 where the frame is fixed
  int metric = 0;                                ///< g_ab dx^a dx^b = 4^metric g'_ab dx'^a dx'^b

  /// Replaces the cloud's numbers by those in these units.
  void take_out(PointCloud& cloud) const;
  /// The manifold with its periods in these units, null where it is the same.
  std::unique_ptr<geometry::Manifold> manifold(const geometry::Manifold& original) const;
  /// What a squared distance in these units is to be multiplied by.
  double length_sq() const;
  /// Gives the report's eigenvalues and distances their own units again.
  void put_back(SpectrumReport& report) const;

 private:
  void put_back(Witness& witness) const;
};

/// Each coordinate's unit is near its width, or its period; the metric's near the typical one. Collective.
Units choose_units(const PointCloud& cloud, const geometry::Manifold& manifold,
                   const parallel::Communicator& comm);

}  // namespace k7::spectral
