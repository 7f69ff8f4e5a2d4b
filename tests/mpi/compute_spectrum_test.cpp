// SPDX-License-Identifier: Apache-2.0
// The whole way from points to a spectrum, as a function of the library.
#include "k7/spectral/compute_spectrum.hpp"

#include "k7/base/error.hpp"
#include "petsc_session.hpp"
#include "point_clouds.hpp"

namespace k7::spectral {
namespace {

using test::world;

/// Enough for limits; with a half of them the first multiplet is not seen to its end.
constexpr GlobalIndex n_points = 2000;

/// Remembers what it hears.
class Listener final : public Observer {
 public:
  void info(const std::string& line) override { lines.push_back(line); }
  void warn(const std::string& line) override { warnings.push_back(line); }
  std::vector<std::string> lines;
  std::vector<std::string> warnings;
};

/// n points of the round torus on the ranks of a communicator.
PointCloud torus_points(const geometry::Manifold& torus, GlobalIndex n, const parallel::Communicator& comm) {
  PointCloud cloud;
  cloud.n_global = n;
  cloud.point_size = torus.point_size();
  const auto rows = parallel::even_rows(n, comm.rank(), comm.size());
  cloud.points.resize(static_cast<std::size_t>(rows.count() * cloud.point_size));
  for (GlobalIndex row = rows.begin; row < rows.end; ++row) {
    double coords[geometry::dim];
    cloud.ids.push_back(row);
    torus.sample({1, geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row),
                 cloud.points.data() + (row - rows.begin) * cloud.point_size, coords);
  }
  cloud.one_metric = true;
  const geometry::Matrix7 g = geometry::Matrix7::Identity();
  const auto packed = geometry::pack(g.data());
  cloud.metrics.assign(packed.begin(), packed.end());
  return cloud;
}

SpectrumReport spectrum_of_torus(const SpectrumOptions& options, const parallel::Communicator& comm,
                                 Observer& observer, const NeighborsFound& neighbors_found = {}) {
  const auto torus = geometry::make_manifold("torus7");
  return compute_spectrum(torus_points(*torus, n_points, comm), *torus, options, comm, observer,
                          neighbors_found);
}

TEST(ComputeSpectrum, every_method_finds_the_torus) {
  for (const Method method : {Method::graph, Method::ritz}) {
    SpectrumOptions options;
    options.method = method;
    Listener listener;
    const auto report = spectrum_of_torus(options, world(), listener);
    ASSERT_EQ(report.pairs.values.size(), 15U);
    EXPECT_EQ(report.method, method);
    EXPECT_EQ(report.pairs.zero_modes, 1);
    EXPECT_NEAR(report.limit.values[1], 1.0, 2.0 * report.limit.errors[1]) << name_of(method);
    EXPECT_FALSE(listener.lines.empty());
    EXPECT_TRUE(listener.warnings.empty());
    EXPECT_TRUE(report.pairs.functions.empty()) << "nobody asked for functions";
  }
}

TEST(ComputeSpectrum, neighbours_are_shown_before_the_matrix_is_made) {
  SpectrumOptions options;
  options.limits = Limits::none;
  options.neighbors = 12;
  options.keep_functions = true;
  Observer silent;
  int calls = 0;
  const auto report = spectrum_of_torus(options, world(), silent, [&](const KnnGraph& graph) {
    ++calls;
    EXPECT_EQ(graph.k, 12);
    EXPECT_EQ(world().sum(static_cast<GlobalIndex>(graph.n_local())), n_points);
  });
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(report.pairs.functions.size(), report.ids.size() * report.pairs.values.size());
}

/// Two groups of ranks compute at the same time, each on a communicator of its own; what they find is what all
/// ranks together find.
TEST(ComputeSpectrum, works_on_any_communicator) {
  SpectrumOptions options;
  options.limits = Limits::none;
  Observer silent;
  const auto together = spectrum_of_torus(options, world(), silent);
  MPI_Comm raw = MPI_COMM_NULL;
  MPI_Comm_split(world().handle(), world().rank() % 2, world().rank(), &raw);
  {
    const parallel::Communicator part(raw);
    const auto apart = spectrum_of_torus(options, part, silent);
    ASSERT_EQ(apart.pairs.values.size(), together.pairs.values.size());
    for (std::size_t i = 0; i < apart.pairs.values.size(); ++i)
      EXPECT_NEAR(apart.pairs.values[i], together.pairs.values[i], 1e-8);
  }
  MPI_Comm_free(&raw);
}

std::string refusal(const SpectrumOptions& options) {
  try {
    validate(options);
    validate(options, 100, 4);
  } catch (const InputError& e) {
    return e.what();
  }
  return "";
}

TEST(SpectrumOptions, what_does_not_go_together_is_refused_without_a_program) {
  EXPECT_EQ(refusal({}), "");
  const auto with = [](const auto& change) {
    SpectrumOptions options;
    change(options);
    return refusal(options);
  };
  using O = SpectrumOptions;
  EXPECT_EQ(with([](O& o) { o.neighbors = 0; }), "-k (--neighbors): '0' is too small; at least 1");
  EXPECT_EQ(with([](O& o) { o.eigenvalues = -3; }), "-n (--eigenvalues): '-3' is too small; at least 1");
  EXPECT_EQ(with([](O& o) { o.neighbors = 100; }),
            "points: 100 points are too few for -k 100; give at least 101 points or a smaller -k");
  EXPECT_EQ(with([](O& o) { o.eigenvalues = 100; }),
            "points: 100 points are too few for -n 100; give at least 101 points or a smaller -n");
  EXPECT_NE(with([](O& o) {
              o.method = Method::notebook;
              o.limits = Limits::wanted;
            }).find("--method notebook has no limits"),
            std::string::npos);
  EXPECT_NE(with([](O& o) {
              o.method = Method::ritz;
              o.report_neighbors = true;
            }).find("leave --graph and --eigenvectors out"),
            std::string::npos);
  // Ritz has no neighbours, so that their number does not matter.
  EXPECT_EQ(with([](O& o) {
              o.method = Method::ritz;
              o.neighbors = 100;
            }),
            "");
}

}  // namespace
}  // namespace k7::spectral
