// SPDX-License-Identifier: Apache-2.0
//
// Points so far from all others that no computation in float64 can hold both: the distances of the others drown in
// the rounding of theirs.
#pragma once

#include "k7/base/observer.hpp"
#include "k7/spectral/spectrum_options.hpp"
#include "spectral/graph/strays.hpp"

namespace k7::spectral {

/// Takes such points out of the cloud and warns of them, as of nearer strays later. It must be done before units of
/// length are chosen, for those follow from the width of the cloud. Collective.
/// @return the points that were taken out
/// @throws CollectiveError naming a row where options.keep_outliers wants them kept, or where they are too many
Strays leave_out_unreachable(PointCloud& cloud, const geometry::Manifold& manifold,
                             const SpectrumOptions& options, const parallel::Communicator& comm,
                             Observer& observer);

}  // namespace k7::spectral
