// SPDX-License-Identifier: Apache-2.0
// Speed of the eigensolver: 15 pairs of the graph Laplacian of uniform points on S1 x S3 x S3, where its time
// goes, and the bandwidth of its products beside the triad a = b + 3 c on the same ranks. mpirun gives the
// ranks. eigen_peers.py runs it beside scipy's ARPACK.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/memory.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/environment.hpp"
#include "k7/spectral/session.hpp"
#include "spectral/graph/components.hpp"
#include "spectral/knn/regions.hpp"
#include "spectral/solve/eigensolver.hpp"
#include "spectral/solve/petsc.hpp"

namespace k7 {
namespace {

struct Options {
  double n = 1e5;
  int k = 30;
  int pairs = 15;
  double tolerance = 1e-6;
  int repetitions = 3;
  std::string dump;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// This rank's share of the points, the metric of radii (33, 33, 28).
spectral::PointCloud draw(const geometry::Manifold& manifold, const Options& options,
                          const parallel::Communicator& comm) {
  spectral::PointCloud cloud;
  cloud.n_global = static_cast<GlobalIndex>(options.n);
  cloud.point_size = manifold.point_size();
  const auto point_size = static_cast<std::size_t>(cloud.point_size);
  const auto rows = parallel::even_rows(cloud.n_global, comm.rank(), comm.size());
  cloud.points.resize(static_cast<std::size_t>(rows.count()) * point_size);
  for (GlobalIndex row = rows.begin; row < rows.end; ++row) {
    double coords[geometry::dim];
    cloud.ids.push_back(row);
    manifold.sample({1, geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row),
                    cloud.points.data() + static_cast<std::size_t>(row - rows.begin) * point_size, coords);
  }
  cloud.one_metric = true;
  const auto metric = geometry::pack(geometry::round_product_metric(33.0, 33.0, 28.0).data());
  cloud.metrics.assign(metric.begin(), metric.end());
  return cloud;
}

spectral::SymmetricGraph build_graph(const Options& options, const parallel::Communicator& comm) {
  const auto manifold = geometry::make_manifold("s1xs3xs3");
  const auto regions = spectral::make_regions(draw(*manifold, options, comm), *manifold, comm, 1);
  const auto knn =
      spectral::build_knn_graph(regions.points, *manifold, *regions.embedding, options.k, comm, 1);
  return spectral::symmetrize(knn, {options.k}, spectral::Join::balanced, comm);
}

struct Bandwidths {
  double triad;  // GB/s of all ranks together
  double product;
};

/// Medians in turns, so that a neighbour on the machine disturbs both alike. Bytes of y = A x: values and
/// column numbers once, row pointers, x and y.
Bandwidths bandwidths(Mat matrix, const parallel::Communicator& comm) {
  const std::size_t n = 30000000U / static_cast<std::size_t>(comm.size());
  std::vector<double> a(n, 0.0);
  const std::vector<double> b(n, 1.0);
  const std::vector<double> c(n, 2.0);
  MatInfo info;
  PetscInt rows = 0;
  spectral::petsc_check(MatGetInfo(matrix, MAT_GLOBAL_SUM, &info), "MatGetInfo");
  spectral::petsc_check(MatGetSize(matrix, &rows, nullptr), "MatGetSize");
  const double product_bytes = info.nz_used * (sizeof(PetscScalar) + sizeof(PetscInt)) +
                               static_cast<double>(rows) * (sizeof(PetscInt) + 2 * sizeof(PetscScalar));
  Vec raw_x = nullptr;
  Vec raw_y = nullptr;
  spectral::petsc_check(MatCreateVecs(matrix, &raw_x, &raw_y), "MatCreateVecs");
  const spectral::VecHandle x(raw_x);
  const spectral::VecHandle y(raw_y);
  spectral::petsc_check(VecSet(raw_x, 1.0), "VecSet");
  const auto timed = [&](const auto& work) {
    comm.barrier();
    const double start = seconds();
    work();
    comm.barrier();
    return seconds() - start;
  };
  std::vector<double> triad;
  std::vector<double> product;
  for (int repetition = 0; repetition < 21; ++repetition) {
    const double triad_s = timed([&] {
      for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + (3.0 + repetition) * c[i];
    });
    if (a[n / 2] != 7.0 + 2.0 * repetition) std::abort();  // and the loop must be done
    triad.push_back(24.0 * static_cast<double>(n) * comm.size() / triad_s * 1e-9);
    const double product_s = timed([&] { spectral::petsc_check(MatMult(matrix, raw_x, raw_y), "MatMult"); });
    product.push_back(product_bytes / product_s * 1e-9);
  }
  return {median(triad), median(product)};
}

/// Seconds (largest of all ranks) and calls of one of PETSc's events so far.
struct Event {
  double seconds = 0.0;
  int calls = 0;
};
Event event(const char* name, const parallel::Communicator& comm) {
  PetscLogEvent id = 0;
  PetscEventPerfInfo info;
  spectral::petsc_check(PetscLogEventGetId(name, &id), "PetscLogEventGetId");
  spectral::petsc_check(PetscLogEventGetPerfInfo(0, id, &info), "PetscLogEventGetPerfInfo");
  return {comm.max(info.time), info.count};
}

struct Run {
  double total;
  double product;
  double orthogonalisation;  // of new vectors, and the rotation of the basis at restarts
  double restart;
  int products;
  double residual;  // largest, relative to the eigenvalue
};

Run solve(const spectral::Laplacian& laplacian, const spectral::SymmetricGraph& graph,
          const spectral::NullSpace& null_space, const Options& options, const parallel::Communicator& comm) {
  spectral::EigenOptions eigen;
  eigen.count = options.pairs;
  eigen.tolerance = options.tolerance;
  const auto product = event("MatMult", comm);
  const auto orthogonalisation = event("BVOrthogonalizeV", comm);
  const auto restart = event("BVMultInPlace", comm);
  comm.barrier();
  const double start = seconds();
  const auto pairs = spectral::smallest_eigenpairs(laplacian, graph.ids, null_space, eigen, comm);
  comm.barrier();
  Run run{};
  run.total = seconds() - start;
  run.product = event("MatMult", comm).seconds - product.seconds;
  run.products = event("MatMult", comm).calls - product.calls;
  run.orthogonalisation = event("BVOrthogonalizeV", comm).seconds - orthogonalisation.seconds;
  run.restart = event("BVMultInPlace", comm).seconds - restart.seconds;
  for (std::size_t i = 1; i < pairs.values.size(); ++i)
    run.residual = std::max(run.residual, pairs.residuals[i] / pairs.values[i]);
  return run;
}

void dump(Mat matrix, const std::string& path) {
  PetscViewer viewer = nullptr;
  spectral::petsc_check(PetscViewerBinaryOpen(PETSC_COMM_WORLD, path.c_str(), FILE_MODE_WRITE, &viewer),
                        "PetscViewerBinaryOpen");
  spectral::petsc_check(MatView(matrix, viewer), "MatView");
  spectral::petsc_check(PetscViewerDestroy(&viewer), "PetscViewerDestroy");
}

void run(const Options& options, const std::vector<std::string>& petsc_options,
         const parallel::Communicator& comm) {
  const spectral::Session session(comm, "eigen_bench", petsc_options);
  spectral::petsc_check(PetscLogDefaultBegin(), "PetscLogDefaultBegin");
  spectral::petsc_check(BVInitializePackage(), "BVInitializePackage");  // its events get their names
  const auto graph = build_graph(options, comm);
  const auto components = spectral::connected_components(graph, options.k, comm);
  const spectral::NullSpace null_space{1, spectral::number_components(components, graph.row_begin, 1, comm)};
  const auto laplacian = spectral::graph_laplacian(graph, options.k, "points", spectral::Device::cpu, comm);
  const double memory = comm.max(k7::peak_memory_mib());  // the triad needs more
  const auto [stream, product] = bandwidths(laplacian.matrix.get(), comm);
  std::vector<Run> runs;
  for (int r = 0; r < options.repetitions; ++r)
    runs.push_back(solve(laplacian, graph, null_space, options, comm));
  std::sort(runs.begin(), runs.end(), [](const Run& a, const Run& b) { return a.total < b.total; });
  const Run& middle = runs[runs.size() / 2];
  if (!options.dump.empty()) dump(laplacian.matrix.get(), options.dump);
  if (!comm.is_root()) return;
  std::printf("components %lld edges_per_point %.1f\n", static_cast<long long>(components.count),
              laplacian.mean_degree);
  std::printf("triad %.1f GB/s, product %.1f GB/s = %.2f of it\n", stream, product, product / stream);
  std::printf("solve_s %.3f products %d product_s %.3f orthogonalise_s %.3f restart_s %.3f rest_s %.3f\n",
              middle.total, middle.products, middle.product, middle.orthogonalisation, middle.restart,
              middle.total - middle.product - middle.orthogonalisation - middle.restart);
  std::printf("largest residual / eigenvalue %.1e, peak memory per rank before the solves %.0f MiB\n",
              middle.residual, memory);
}

}  // namespace
}  // namespace k7

int main(int argc, char** argv) {
  k7::Options options;
  CLI::App app{"Speed of the eigensolver. Options after -- go to PETSc."};
  app.add_option("-n", options.n, "points")->capture_default_str();
  app.add_option("-k", options.k, "neighbours")->capture_default_str();
  app.add_option("--pairs", options.pairs, "eigenpairs, the constant among them")->capture_default_str();
  app.add_option("--tolerance", options.tolerance, "residual / eigenvalue")->capture_default_str();
  app.add_option("--repetitions", options.repetitions, "solves; the median is shown")->capture_default_str();
  app.add_option("--dump", options.dump, "write the matrix in PETSc's binary format");
  app.allow_extras();
  CLI11_PARSE(app, argc, argv);
  const k7::parallel::Environment environment(argc, argv);
  k7::run(options, app.remaining(), k7::parallel::Communicator(MPI_COMM_WORLD));
  return 0;
}
