// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/outputs.hpp"
#include "k7/base/observer.hpp"
#include "k7/spectral/spectrum.hpp"
#include "spectral/xdmf.hpp"

namespace k7::apps {

/// Collective. Writes the HDF5 file of --eigenvectors and the XDMF file beside it, which refers to it by its name
/// alone, so that the folder can be moved.
void write_eigenfunctions(const std::string& path, const spectral::SpectrumReport& report,
                          const spectral::Places& places, const parallel::Communicator& comm,
                          cli::Outputs& outputs, Observer& observer);

}  // namespace k7::apps
