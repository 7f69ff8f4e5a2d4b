// SPDX-License-Identifier: Apache-2.0
//
// The part of a ball of radius 1 in seven dimensions that is on one side of a plane. Along the normal of the plane
// the ball has the density (35/32) (1 - x^2)^3; the part kept is x > -b. At b = 1 that is the whole ball, at b = 0
// half of it, and with b < 0 a cap: what is left of a ball whose centre is on a curved boundary or in a corner.
#pragma once

namespace k7::spectral {

/// b is between this and 1.
constexpr double least_plane_distance = -0.9;

/// The share of the ball's volume.
double kept_share(double b);

/// Mean of x, the height of the centre of mass: 0 at b = 1, 35/128 at b = 0.
double mean_height(double b);

/// The b of a mean height; heights beyond those of the range of b are taken as its ends.
double plane_distance(double height);

/// 7 times the mean square of a direction along the plane over the mean square of the radius: 1 for balls and half
/// balls, more between.
double tangential_stretch(double b);

/// What two parallel planes leave of the ball, |x| < b, as in a direction of length 2b whose ends meet.
struct Slab {
  double half_width;      ///< b
  double moment_between;  ///< mean square of x
  double moment_along;    ///< and of a direction along the planes
};

/// The slab whose moments have a ratio: moment_between / moment_along, 0 to 1 for b from 0 to 1.
Slab slab_of(double moment_ratio);

}  // namespace k7::spectral
