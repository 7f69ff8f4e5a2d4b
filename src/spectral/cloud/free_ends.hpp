// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "k7/base/observer.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// Warns, in one line, of coordinates that fill a whole turn or [0, 1] where nothing says which coordinates are
/// periodic: people mean circles by that as often as intervals, and the spectra differ. Collective.
/// @param source of the points, for the message
/// @param remedy how one says there that they are periodic
void warn_of_free_ends(const PointCloud& cloud, const std::string& source, const std::string& remedy,
                       const parallel::Communicator& comm, Observer& observer);

}  // namespace k7::spectral
