// SPDX-License-Identifier: Apache-2.0
// Speed and memory of the all-kNN on S1 x S3 x S3: uniform points, the metric of radii (33, 33, 28) or one
// that varies smoothly about it. With nanoflann installed, also its time for the chord embedding of the same
// points. knn_peers.py runs it beside scipy.
#include <hwy/targets.h>

#include <CLI/CLI.hpp>
#include <Eigen/Dense>
#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "base/memory.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/environment.hpp"
#include "spectral/cloud/partition.hpp"
#include "spectral/knn/knn_graph.hpp"

#if __has_include(<nanoflann.hpp>)
#define K7_HAVE_NANOFLANN
#include <nanoflann.hpp>
#endif

namespace k7 {
namespace {

struct Options {
  double n = 1e5;
  int k = 30;
  int threads = 2;
  int condition = 1;
  int repetitions = 3;
  std::string target = "best";
  std::string manifold = "s1xs3xs3";
  std::uint64_t seed = 1;
  double peer_queries = 0;
};

double seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Processor seconds of all threads, which a busy machine changes less.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Instruction sets above the named one are not used.
void limit_target(const std::string& target) {
  if (target == "avx2") hwy::DisableTargets(HWY_AVX3 | HWY_AVX3_DL);
  if (target == "baseline") hwy::DisableTargets(HWY_AVX3 | HWY_AVX3_DL | HWY_AVX2);
}

/// Two independent normal numbers of variance 1.
std::array<double, 2> normal_pair(std::uint64_t index) {
  double u[2];
  geometry::uniform_pair({5, geometry::Stream::baseline, 0}, index, 0, u);
  const double radius = std::sqrt(-2.0 * std::log(u[0]));
  return {radius * std::cos(2.0 * geometry::pi * u[1]), radius * std::sin(2.0 * geometry::pi * u[1])};
}

/// g = S (A A^T + 1/20) S, S = diag(33 x4, 28 x3), A = 1 + amplitude B(x), B linear with random coefficients
/// in ten numbers x: (cos t, sin t, q1, q2).
class VaryingMetric {
 public:
  explicit VaryingMetric(double amplitude) {
    for (std::size_t i = 0; i < coefficients_.size(); i += 2) {
      const auto pair = normal_pair(i);
      coefficients_[i] = amplitude * pair[0];
      coefficients_[i + 1] = amplitude * pair[1];
    }
  }

  geometry::Matrix7 operator()(const double* p) const {
    const std::array<double, 10> x{std::cos(p[0]), std::sin(p[0]), p[1], p[2], p[3],
                                   p[4],           p[5],           p[6], p[7], p[8]};
    geometry::Matrix7 a = geometry::Matrix7::Identity();
    for (std::size_t entry = 0; entry < 49; ++entry)
      for (std::size_t d = 0; d < x.size(); ++d)
        a.data()[entry] += coefficients_[entry * x.size() + d] * x[d];
    Eigen::Matrix<double, geometry::dim, 1> radii;
    radii << 33.0, 33.0, 33.0, 33.0, 28.0, 28.0, 28.0;
    const geometry::Matrix7 g = a * a.transpose() + 0.05 * geometry::Matrix7::Identity();
    return radii.asDiagonal() * g * radii.asDiagonal();
  }

 private:
  std::array<double, 490> coefficients_{};
};

spectral::PointCloud draw(const geometry::Manifold& manifold, const Options& options) {
  spectral::PointCloud cloud;
  const auto n = static_cast<std::size_t>(options.n);
  cloud.n_global = static_cast<GlobalIndex>(n);
  cloud.point_size = manifold.point_size();
  const auto point_size = static_cast<std::size_t>(cloud.point_size);
  cloud.ids.resize(n);
  cloud.points.resize(n * point_size);
  cloud.one_metric = options.condition == 1;
  const VaryingMetric metric(options.condition == 3 ? 0.044 : 0.090);
  if (!cloud.one_metric) cloud.metrics.resize(n * geometry::n_sym);
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    double coords[geometry::dim];
    double* p = cloud.points.data() + i * point_size;
    cloud.ids[i] = static_cast<GlobalIndex>(i);
    manifold.sample({options.seed, geometry::Stream::samples, 0}, i, p, coords);
    if (cloud.one_metric) continue;
    const geometry::Matrix7 g = metric(p);
    const auto packed = geometry::pack(g.data());
    std::copy(packed.begin(), packed.end(),
              cloud.metrics.begin() + static_cast<std::ptrdiff_t>(i * geometry::n_sym));
    if (i >= 1000) continue;
    const auto eigenvalues = Eigen::SelfAdjointEigenSolver<geometry::Matrix7>(g).eigenvalues();
    sum += eigenvalues(geometry::dim - 1) / eigenvalues(0);
  }
  if (cloud.one_metric) {
    const auto packed = geometry::pack(geometry::round_product_metric(33.0, 33.0, 28.0).data());
    cloud.metrics.assign(packed.begin(), packed.end());
  } else {
    std::printf("mean_condition %.2f\n", sum / std::min(options.n, 1000.0));
  }
  return cloud;
}

struct Times {
  double index;
  double search;
  double cpu;
};

Times run(const spectral::PointCloud& points, const geometry::Manifold& manifold, const Options& options,
          const parallel::Communicator& comm) {
  spectral::PointCloud cloud = points;
  const auto embedding = manifold.embedding(spectral::mean_metric(cloud, comm));
  const double cpu_start = cpu_seconds();
  const double start = seconds();
  const auto indexed = spectral::index_points(std::move(cloud), *embedding, comm, options.threads);
  const double middle = seconds();
  const auto graph =
      spectral::build_knn_graph(indexed, manifold, *embedding, options.k, comm, options.threads);
  return {middle - start, seconds() - middle, cpu_seconds() - cpu_start};
}

#ifdef K7_HAVE_NANOFLANN
/// The chord embedding with the radii of the constant metric, as nanoflann takes points.
struct ChordCloud {
  std::vector<std::array<double, 10>> points;

  explicit ChordCloud(const spectral::PointCloud& cloud) : points(cloud.size()) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      const double* p = cloud.point(i);
      points[i] = {33.0 * std::cos(p[0]), 33.0 * std::sin(p[0])};
      for (std::size_t c = 0; c < 8; ++c) points[i][2 + c] = (c < 4 ? 33.0 : 28.0) * p[1 + c];
    }
  }
  std::size_t kdtree_get_point_count() const { return points.size(); }
  double kdtree_get_pt(std::size_t i, std::size_t d) const { return points[i][d]; }
  template <class Box>
  bool kdtree_get_bbox(Box&) const {
    return false;
  }
};

/// Seconds for all points, from `peer_queries` of them, and for the tree.
void run_nanoflann(const spectral::PointCloud& cloud, const Options& options) {
  using Metric = nanoflann::L2_Simple_Adaptor<double, ChordCloud>;
  const ChordCloud chords(cloud);
  const double start = seconds();
  nanoflann::KDTreeSingleIndexAdaptor<Metric, ChordCloud, 10> tree(10, chords, {10});
  tree.buildIndex();
  const double middle = seconds();
  const auto n = static_cast<std::int64_t>(std::min(options.peer_queries, options.n));
#pragma omp parallel num_threads(options.threads)
  {
    std::vector<std::uint32_t> ids(static_cast<std::size_t>(options.k) + 1);
    std::vector<double> squares(ids.size());
#pragma omp for schedule(dynamic, 64)
    for (std::int64_t i = 0; i < n; ++i)
      tree.knnSearch(chords.points[static_cast<std::size_t>(i)].data(), ids.size(), ids.data(),
                     squares.data());
  }
  const double rate = static_cast<double>(n) / (seconds() - middle);
  std::printf("nanoflann index %.3f search %.3f queries_per_s %.0f\n", middle - start, options.n / rate,
              options.n / (middle - start + options.n / rate));
}
#endif

int run_all(const Options& options) {
  limit_target(options.target);
  const parallel::Communicator comm(MPI_COMM_SELF);
  const auto manifold = geometry::make_manifold(options.manifold);
  const auto cloud = draw(*manifold, options);
  std::vector<double> index;
  std::vector<double> search;
  std::vector<double> total;
  std::vector<double> cpu;
  for (int r = 0; r < options.repetitions; ++r) {
    const Times times = run(cloud, *manifold, options, comm);
    index.push_back(times.index);
    search.push_back(times.search);
    total.push_back(times.index + times.search);
    cpu.push_back(times.cpu);
  }
  // The bench keeps its own copy of the points, which a program moves in.
  const double copy =
      static_cast<double>((cloud.points.size() + cloud.metrics.size() + cloud.ids.size()) * 8);
  const double peak = k7::peak_memory_mib() * 1048576.0;
  std::printf(
      "k7 n %.0f k %d threads %d index %.3f search %.3f queries_per_s %.0f cpu %.3f bytes_per_point %.0f\n",
      options.n, options.k, options.threads, median(index), median(search), options.n / median(total),
      median(cpu), (peak - copy) / options.n);
#ifdef K7_HAVE_NANOFLANN
  if (options.peer_queries > 0) run_nanoflann(cloud, options);
#endif
  return 0;
}

}  // namespace
}  // namespace k7

int main(int argc, char** argv) {
  k7::Options options;
  CLI::App app("Times the all-kNN of K7 on S1 x S3 x S3.");
  app.add_option("--n", options.n, "points")->capture_default_str();
  app.add_option("--k", options.k, "neighbours")->capture_default_str();
  app.add_option("--threads", options.threads, "OpenMP threads")->capture_default_str();
  app.add_option("--condition", options.condition, "of the metric: 1 (constant), 3 or 7")
      ->check(CLI::IsMember({1, 3, 7}))
      ->capture_default_str();
  app.add_option("--repetitions", options.repetitions, "medians are taken over these")->capture_default_str();
  app.add_option("--target", options.target, "largest instruction set to use: best, avx2 or baseline")
      ->check(CLI::IsMember({"best", "avx2", "baseline"}))
      ->capture_default_str();
  app.add_option("--manifold", options.manifold, "s1xs3xs3 or torus7")->capture_default_str();
  app.add_option("--seed", options.seed, "of the points")->capture_default_str();
  app.add_option("--nanoflann", options.peer_queries, "queries to time nanoflann with; 0 = none")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const k7::parallel::Environment environment(argc, argv);
  return k7::run_all(options);
}
