// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/base/observer.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// Warns, in one line, of coordinates that fill a whole turn or [0, 1] in a file that does not say which
/// coordinates are periodic: people mean circles by that as often as intervals, and the spectra differ. Collective.
void warn_of_free_ends(const io::SampleReader& reader, const PointCloud& cloud,
                       const parallel::Communicator& comm, Observer& observer);

}  // namespace k7::spectral
