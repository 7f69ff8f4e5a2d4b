// SPDX-License-Identifier: Apache-2.0
// Random points of the flat torus T^7 with a metric that varies along the first coordinate, written as a sample
// file that k7_spectral reads.
//   mpirun -n 2 ./sample_torus torus.h5 20000
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "k7/geometry/manifold.hpp"
#include "k7/io/sample_file.hpp"
#include "k7/parallel/communicator.hpp"
#include "k7/parallel/environment.hpp"

namespace {

using k7::geometry::dim;

/// (1 + 0.3 cos x_0) times the identity, in the coordinate frame.
double conformal_factor(const double* x) {
  return 1.0 + 0.3 * std::cos(x[0]);
}

/// The rows [begin, begin + n) of the file. Point number i is the same on any number of ranks.
k7::io::SampleBlock make_block(const k7::geometry::Manifold& torus, k7::GlobalIndex begin,
                               k7::GlobalIndex n) {
  const k7::geometry::DrawKey key{/*seed=*/1, k7::geometry::Stream::samples, 0};
  k7::io::SampleBlock block;
  block.coords.resize(static_cast<std::size_t>(n * dim));
  for (k7::GlobalIndex i = 0; i < n; ++i) {
    double point[dim];
    double* x = block.coords.data() + i * dim;
    torus.sample(key, static_cast<std::uint64_t>(begin + i), point, x);
    const double c = conformal_factor(x);
    for (int a = 0; a < dim; ++a)
      for (int b = 0; b < dim; ++b) block.metric.push_back(a == b ? c : 0.0);
    // The density of the points against the Riemannian volume, which is c^(7/2) times that of the coordinates.
    block.weight.push_back(1.0 / (torus.frame_volume() * std::pow(c, 3.5)));
  }
  return block;
}

}  // namespace

int main(int argc, char** argv) {
  const k7::parallel::Environment mpi(argc, argv);
  const k7::parallel::Communicator comm(MPI_COMM_WORLD);
  const std::string path = argc > 1 ? argv[1] : "torus.h5";
  const k7::GlobalIndex n_points = argc > 2 ? std::atoll(argv[2]) : 20000;
  const auto torus = k7::geometry::make_manifold("torus7");

  k7::io::SampleWriter writer(path, comm, *torus,
                              {n_points, /*points=*/false, /*phi=*/false, /*weight=*/true});
  const auto rows = k7::parallel::even_rows(n_points, comm.rank(), comm.size());
  writer.write(rows.begin, make_block(*torus, rows.begin, rows.count()));
  writer.commit();  // the file appears whole or not at all
  if (comm.is_root()) std::printf("%lld points in %s\n", static_cast<long long>(n_points), path.c_str());
  return 0;
}
