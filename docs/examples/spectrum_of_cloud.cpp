// SPDX-License-Identifier: Apache-2.0
// The Laplace spectrum of points that a program has in memory: the round torus T^7 whose circles have length
// 2 pi, where the eigenvalues are sums of seven squares: 0, then 1 fourteen times.
//   mpirun -n 2 ./spectrum_of_cloud 4000
#include <cstdio>
#include <cstdlib>

#include "k7/geometry/manifold.hpp"
#include "k7/parallel/environment.hpp"
#include "k7/spectral/compute_spectrum.hpp"
#include "k7/spectral/session.hpp"
#include "printer.hpp"

namespace {

/// This rank's share of n random points, all with the metric 1 in the coordinate frame.
k7::spectral::PointCloud draw(const k7::geometry::Manifold& torus, k7::GlobalIndex n,
                              const k7::parallel::Communicator& comm) {
  k7::spectral::PointCloud cloud;
  cloud.n_global = n;
  cloud.point_size = torus.point_size();
  const auto rows = k7::parallel::even_rows(n, comm.rank(), comm.size());
  cloud.points.resize(static_cast<std::size_t>(rows.count() * cloud.point_size));
  for (k7::GlobalIndex row = rows.begin; row < rows.end; ++row) {
    double coords[k7::geometry::dim];
    cloud.ids.push_back(row);
    torus.sample({/*seed=*/1, k7::geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row),
                 cloud.points.data() + (row - rows.begin) * cloud.point_size, coords);
  }
  cloud.one_metric = true;
  const k7::geometry::Matrix7 g = k7::geometry::Matrix7::Identity();
  const auto packed = k7::geometry::pack(g.data());
  cloud.metrics.assign(packed.begin(), packed.end());
  return cloud;
}

}  // namespace

int main(int argc, char** argv) {
  const k7::parallel::Environment mpi(argc, argv);
  const k7::parallel::Communicator comm(MPI_COMM_WORLD);
  const k7::spectral::Session petsc(comm, "spectrum_of_cloud", {});
  const auto torus = k7::geometry::make_manifold("torus7");

  k7::spectral::SpectrumOptions options;
  options.neighbors = 32;
  options.eigenvalues = 15;
  Printer printer(comm.is_root());
  const k7::GlobalIndex n = argc > 1 ? std::atoll(argv[1]) : 4000;
  const auto report = k7::spectral::compute_spectrum(draw(*torus, n, comm), *torus, options, comm, printer);
  if (comm.is_root()) {
    std::printf("lambda_1 of the graph: %.6f\n", report.pairs.values[1]);
    std::printf("lambda_1 in the limit: %.4f +- %.2g (exact: 1)\n", report.limit.values[1],
                report.limit.errors[1]);
  }
  return 0;
}
