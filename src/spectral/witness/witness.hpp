// SPDX-License-Identifier: Apache-2.0
//
// What a nearly constant metric says about the spectrum, beside the methods that know nothing of it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/spectrum.hpp"
#include "spectral/witness/near_constant.hpp"

namespace k7::spectral {

/// Whether the manifold knows the spectra of constant metrics. The same on every rank.
bool knows_constant_metrics(const geometry::Manifold& manifold);

/// Bounds for `count` eigenvalues. None where the spectrum of the constant metric is not known, not within a second, or
/// not to nine digits. Collective.
std::optional<Witness> bear_witness(const NearConstant& near, const geometry::Manifold& manifold, int count,
                                    const parallel::Communicator& comm);

/// How many eigenvalues of a report can be compared: the reported ones, and all of the last multiplet.
int comparable_eigenvalues(const SpectrumReport& report);

/// One line for each multiplet of a limit that, with its bar, lies outside the bounds of its mean.
std::vector<std::string> contradictions(const SpectrumLimit& limit, const Witness& witness);

}  // namespace k7::spectral
