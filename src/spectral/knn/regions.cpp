// SPDX-License-Identifier: Apache-2.0
#include "spectral/knn/regions.hpp"

#include <utility>

#include "spectral/cloud/partition.hpp"

namespace k7::spectral {

Regions make_regions(PointCloud cloud, const geometry::Manifold& manifold, const parallel::Communicator& comm,
                     int threads) {
  Regions regions;
  regions.embedding = manifold.embedding(mean_metric(cloud, comm));
  cloud = partition_points(std::move(cloud), *regions.embedding, comm);
  regions.points = index_points(std::move(cloud), *regions.embedding, comm, threads);
  return regions;
}

}  // namespace k7::spectral
