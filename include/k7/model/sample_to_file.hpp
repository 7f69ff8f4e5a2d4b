// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "k7/base/observer.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/model/model.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::model {

/// Which points, and where they go.
struct SampleRequest {
  GlobalIndex n_points = 10000;
  std::uint64_t seed = 0;  ///< the same seed gives the same points at any rank count
  std::string out = "samples.h5";
};

/// Rows [begin, begin + n) of what sample_to_file writes. Not collective.
/// @throws Error where something of the model is not finite
io::SampleBlock sample(const Model& model, const SampleRequest& request, GlobalIndex begin, GlobalIndex n);

/// Writes a sample file of a trained model: points, phi, metric, and the density of the points. Collective.
/// @throws CollectiveError where the file cannot be written, or is the model's own, or something of the model
/// is not finite; there is no file then
void sample_to_file(const Model& model, const SampleRequest& request, const parallel::Communicator& comm,
                    Observer& observer);

/// The same of a constant metric, (7, 7) in the manifold's frame; without phi.
void sample_to_file(const geometry::Manifold& manifold, const std::vector<double>& metric,
                    const SampleRequest& request, const parallel::Communicator& comm, Observer& observer);

}  // namespace k7::model
