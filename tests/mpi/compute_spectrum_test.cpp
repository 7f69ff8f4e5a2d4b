// SPDX-License-Identifier: Apache-2.0
// The whole way from points to a spectrum, as a function of the library.
#include "k7/spectral/compute_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

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
PointCloud torus_points(const geometry::Manifold& torus, GlobalIndex n, const parallel::Communicator& comm,
                        std::uint64_t seed = 1) {
  PointCloud cloud;
  cloud.n_global = n;
  cloud.point_size = torus.point_size();
  const auto rows = parallel::even_rows(n, comm.rank(), comm.size());
  cloud.points.resize(static_cast<std::size_t>(rows.count() * cloud.point_size));
  for (GlobalIndex row = rows.begin; row < rows.end; ++row) {
    double coords[geometry::dim];
    cloud.ids.push_back(row);
    torus.sample({seed, geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row),
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

/// The bias of the noise is taken off in part only where neighbours made up for a part of it.
TEST(ComputeSpectrum, densities_from_neighbours_leave_no_bias) {
  const auto torus = geometry::make_manifold("torus7");
  SpectrumOptions options;
  options.method = Method::ritz;
  Listener listener;
  double bias = 0.0;
  constexpr int n_seeds = 4;
  for (std::uint64_t seed = 1; seed <= n_seeds; ++seed) {
    const auto report =
        compute_spectrum(torus_points(*torus, 3000, world(), seed), *torus, options, world(), listener);
    const Multiplet& first = report.limit.multiplets[0];
    ASSERT_EQ(first.count, 14);
    EXPECT_NEAR(first.limit, 1.0, first.error);
    bias += (first.limit - 1.0) / n_seeds;
  }
  EXPECT_LT(std::abs(bias), 0.01);  // one seed scatters by 0.004; with all of the push it was 0.02
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

/// R^7 with some coordinates periodic; 0 = an interval with free ends.
std::unique_ptr<geometry::Manifold> euclidean(const geometry::Periods& periods) {
  geometry::ManifoldParameters parameters;
  parameters.periods = periods;
  return geometry::make_manifold("euclidean", parameters);
}

/// Points of a flat interval times a torus in coordinates x_a = units[a] y_a, and its metric length^2 |dy|^2.
PointCloud box_points(GlobalIndex n, const geometry::Form1& units, double length) {
  PointCloud cloud;
  cloud.n_global = n;
  cloud.point_size = geometry::dim;
  const auto rows = parallel::even_rows(n, world().rank(), world().size());
  for (GlobalIndex row = rows.begin; row < rows.end; ++row) {
    cloud.ids.push_back(row);
    for (std::uint32_t a = 0; a < geometry::dim; ++a) {
      double pair[2];
      geometry::uniform_pair({1, geometry::Stream::samples, 0}, static_cast<std::uint64_t>(row), a, pair);
      cloud.points.push_back(pair[0] * units[a]);
    }
  }
  cloud.one_metric = true;
  geometry::Matrix7 g = geometry::Matrix7::Zero();
  for (int a = 0; a < geometry::dim; ++a) {
    const double entry = length / units[static_cast<std::size_t>(a)];
    g(a, a) = entry * entry;
  }
  const auto packed = geometry::pack(g.data());
  cloud.metrics.assign(packed.begin(), packed.end());
  return cloud;
}

SpectrumReport spectrum_of_box(const SpectrumOptions& options, const geometry::Form1& units, double length,
                               Observer& observer, const NeighborsFound& neighbors_found = {}) {
  geometry::Periods periods{0.0};
  for (std::size_t a = 1; a < geometry::dim; ++a) periods[a] = units[a];
  return compute_spectrum(box_points(1000, units, length), *euclidean(periods), options, world(), observer,
                          neighbors_found);
}

/// What lies beyond a boundary is guessed where densities are, and its part of the bar stays where noise is small.
TEST(ComputeSpectrum, densities_near_a_boundary_are_in_the_bars_of_ritz) {
  const auto three_free_sides = euclidean({0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0});
  SpectrumOptions options;
  options.eigenvalues = 4;
  Listener listener;
  const geometry::Form1 units{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const auto guessed =
      compute_spectrum(box_points(3000, units, 1.0), *three_free_sides, options, world(), listener);
  const double cut = guessed.ladder.at(0).mean_cut;
  ASSERT_GT(cut, 0.1);
  const Multiplet& first = guessed.ritz_limit.multiplets.at(0);
  EXPECT_GT(first.error,
            0.6 * cut * first.limit);  // 0.37 from noise and the sizes of the neighbourhoods alone
}

/// n points of a tube [0, 1] x T^6, whose density grows along x: p = (1 + slope (2x - 1)) / V, known to the points.
struct UnevenTube {
  GlobalIndex n;
  double slope;
  double circle = 0.45;  ///< lengths of the other directions

  double density(double x) const { return 1.0 + slope * (2.0 * x - 1.0); }

  PointCloud points() const {
    PointCloud cloud = box_points(n, {1.0, circle, circle, circle, circle, circle, circle}, 1.0);
    const auto flat = geometry::pack(geometry::Matrix7::Identity().eval().data());
    cloud.metrics.assign(flat.begin(), flat.end());
    for (std::size_t i = 0; i < cloud.size(); ++i) {
      double& x = cloud.points[i * geometry::dim];
      if (slope > 0.0)  // the root of (1 - slope) x + slope x^2 = y
        x = (std::sqrt(std::pow(1.0 - slope, 2) + 4.0 * slope * x) - 1.0 + slope) / (2.0 * slope);
      cloud.densities.push_back(density(x));
    }
    return cloud;
  }
};

/// At the thin end neighbourhoods are wide, and few points stand for as much volume as many at the dense one. Functions
/// see the volume, so that more lies beyond the ends than in an even tube; among the points it is less.
TEST(ComputeSpectrum, rungs_know_the_cut_and_the_volumes_of_an_uneven_tube) {
  SpectrumOptions options;
  options.method = Method::graph;
  options.eigenvalues = 2;
  Listener listener;
  const auto first_rung = [&](const UnevenTube& tube) {
    const double c = tube.circle;
    const auto space = euclidean({0.0, c, c, c, c, c, c});
    return compute_spectrum(tube.points(), *space, options, world(), listener).ladder.at(0);
  };
  const Rung even = first_rung({4000, 0.0});
  const Rung uneven = first_rung({4000, 0.8});  // nine to one
  EXPECT_GT(uneven.mean_cut, 1.2 * even.mean_cut);
  EXPECT_NEAR(even.effective_points, 4000.0, 1e-6);
  EXPECT_NEAR(uneven.effective_points, 4000.0 * 1.6 / std::log(9.0), 0.03 * 4000.0);  // the integral of 1/p
}

/// An interval of length 5 times circles that are hardly longer than the neighbourhoods are wide: eigenvalues
/// (pi j / 5)^2. Without the calibration by the moments of the neighbourhoods the limits are a third too low.
TEST(ComputeSpectrum, directions_that_are_half_resolved_do_not_mislead) {
  const auto tube = euclidean({0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0});
  SpectrumOptions options;
  options.method = Method::graph;
  options.eigenvalues = 5;
  Listener listener;
  PointCloud cloud = box_points(3000, {5.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}, 1.0);
  for (int a = 0, entry = 0; a < geometry::dim; ++a)  // lengths of the coordinates themselves
    for (int b = a; b < geometry::dim; ++b, ++entry)
      cloud.metrics[static_cast<std::size_t>(entry)] = a == b ? 1.0 : 0.0;
  const auto report = compute_spectrum(std::move(cloud), *tube, options, world(), listener);
  for (std::size_t j = 1; j <= 3; ++j) {
    const double exact = std::pow(geometry::pi * static_cast<double>(j) / 5.0, 2);
    EXPECT_NEAR(report.limit.values[j], exact, 0.1 * exact);
    EXPECT_NEAR(report.limit.values[j], exact, report.limit.errors[j]);
    EXPECT_LT(report.limit.errors[j], 0.3 * exact);
  }
  for (const Rung& rung : report.ladder) {
    EXPECT_GT(rung.wrapped, 0.0);
    if (rung.part > 0 && rung.k > options.neighbors) {
      EXPECT_GT(rung.calibration_doubt, 0.05);
    }
  }
}

/// Lengths of 10^-75 to 10^75 and coordinates in seven other units each: nothing changes but the units.
TEST(ComputeSpectrum, units_do_not_matter) {
  SpectrumOptions options;
  options.eigenvalues = 6;
  Listener listener;
  const geometry::Form1 ones{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const auto expected = spectrum_of_box(options, ones, 1.0, listener);
  ASSERT_FALSE(std::isnan(expected.limit.values[1]));
  for (int power = -75; power <= 75; power += 25) {
    geometry::Form1 units = ones;
    for (std::size_t a = 0; a < geometry::dim; ++a)
      units[a] = std::pow(10.0, (power * static_cast<int>(a)) / 7);
    const double length = std::pow(10.0, power);
    double largest = 0.0;
    const auto report = spectrum_of_box(options, units, length, listener, [&](const KnnGraph& graph) {
      for (const double d : graph.distance_sq) largest = std::max(largest, d * graph.length_sq);
    });
    const auto near = [&](double value, double one) {
      EXPECT_NEAR(value * length * length, one, 1e-9 * std::abs(one)) << "power " << power;
    };
    ASSERT_EQ(report.pairs.values.size(), expected.pairs.values.size());
    for (std::size_t i = 1; i < report.pairs.values.size(); ++i) {
      near(report.pairs.values[i], expected.pairs.values[i]);
      near(report.limit.values[i], expected.limit.values[i]);
      near(report.limit.errors[i], expected.limit.errors[i]);
    }
    ASSERT_EQ(report.limit.multiplets.size(), expected.limit.multiplets.size());
    near(report.limit.multiplets[0].raw, expected.limit.multiplets[0].raw);
    for (std::size_t i = 0; i < report.ladder.size(); ++i) {
      near(report.ladder[i].values[1], expected.ladder[i].values[1]);
      near(1.0 / report.ladder[i].mean_distance_sq, 1.0 / expected.ladder[i].mean_distance_sq);
    }
    EXPECT_GT(world().max(largest), 1e-2 * length * length);
    EXPECT_LT(world().max(largest), 7.0 * length * length);
  }
  EXPECT_TRUE(listener.warnings.empty());
}

/// One point far away is named and left out; every number is that of the other points.
TEST(ComputeSpectrum, strays_are_left_out) {
  SpectrumOptions options;
  options.eigenvalues = 6;
  options.keep_functions = true;
  const geometry::Form1 ones{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const auto euclidean = geometry::make_manifold("euclidean");
  for (const double place : {6.0, 50.0, 1e6}) {
    PointCloud cloud = box_points(1001, ones, 1.0);
    for (std::size_t i = 0; i < cloud.size(); ++i)
      if (cloud.ids[i] == 17)
        std::fill_n(cloud.points.begin() + static_cast<std::ptrdiff_t>(i * geometry::dim), geometry::dim,
                    place);
    const PointCloud all = cloud;
    Listener listener;
    const auto report = compute_spectrum(std::move(cloud), *euclidean, options, world(), listener);
    EXPECT_EQ(report.n_points, 1000);
    EXPECT_EQ(report.n_left_out, 1);
    EXPECT_EQ(report.left_out, std::vector<GlobalIndex>{17});
    ASSERT_EQ(listener.warnings.size(), 1U);
    EXPECT_NE(listener.warnings[0].find("row 17"), std::string::npos) << listener.warnings[0];
    EXPECT_GT(report.pairs.values[1], 1.0);
    EXPECT_EQ(std::count(report.ids.begin(), report.ids.end(), 17), 0);
    EXPECT_EQ(world().sum(static_cast<GlobalIndex>(report.ids.size())), 1000);

    options.keep_outliers = true;
    const auto kept = compute_spectrum(all, *euclidean, options, world(), listener);
    options.keep_outliers = false;
    EXPECT_EQ(kept.n_points, 1001);
    EXPECT_EQ(kept.n_left_out, 0);
    EXPECT_LT(kept.pairs.values[1], 0.1 * report.pairs.values[1]);
    EXPECT_TRUE(std::isnan(kept.limit.values[1])) << kept.limit.values[1] << " +- " << kept.limit.errors[1];
    EXPECT_NE(listener.warnings.back().find("--keep-outliers"), 0U);
  }
}

/// Where one point is so far away that all others would fall together in its units, it is left out before units are
/// chosen: every number is that of the cloud without it, in one or all coordinates, wherever it stands.
TEST(ComputeSpectrum, strays_may_be_as_far_as_distances_go) {
  SpectrumOptions options;
  options.limits = Limits::none;
  options.source = "s.h5";
  const geometry::Form1 ones{1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0};
  const auto euclidean = geometry::make_manifold("euclidean");
  const auto with_stray = [&](GlobalIndex row, std::size_t first, std::size_t count, double place) {
    PointCloud cloud = box_points(1001, ones, 1.0);
    for (std::size_t i = 0; i < cloud.size(); ++i)
      if (cloud.ids[i] == row)
        std::fill_n(cloud.points.begin() + static_cast<std::ptrdiff_t>(i * geometry::dim + first), count,
                    place);
    return cloud;
  };
  Listener listener;
  const std::size_t all = geometry::dim;
  const auto near =
      compute_spectrum(with_stray(17, 0, all, 50.0), *euclidean, options, world(), listener).pairs.values;
  const auto expect_the_same = [&](GlobalIndex row, std::size_t first, std::size_t count, double place) {
    listener.warnings.clear();
    const auto far =
        compute_spectrum(with_stray(row, first, count, place), *euclidean, options, world(), listener);
    EXPECT_EQ(far.n_points, 1000);
    EXPECT_EQ(far.n_left_out, 1);
    EXPECT_EQ(far.left_out, std::vector<GlobalIndex>{row});
    EXPECT_EQ(far.metric.n_samples, 1001);
    ASSERT_EQ(listener.warnings.size(), 1U);
    EXPECT_NE(listener.warnings[0].find("row " + std::to_string(row) + " ("), std::string::npos)
        << listener.warnings[0];
    for (std::size_t i = 1; row == 17 && i < near.size(); ++i)
      EXPECT_NEAR(far.pairs.values[i], near[i], 1e-9 * near[i]) << place;
  };
  expect_the_same(17, 0, all, 1e14);
  expect_the_same(17, 2, 1, -1e16);
  expect_the_same(17, 0, all, 1e140);
  expect_the_same(17, 6, 1, -1e144);
  expect_the_same(0, 2, 1, 1e100);
  expect_the_same(1000, 0, all, 1e100);
}

/// Rows that no units fit and that cannot be left out either are named.
TEST(ComputeSpectrum, strays_that_cannot_be_left_out_are_named) {
  const auto euclidean = geometry::make_manifold("euclidean");
  const auto refusal = [&](GlobalIndex step, bool keep_outliers) {
    PointCloud cloud = box_points(1000, {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}, 1.0);
    for (std::size_t i = 0; i < cloud.size(); ++i)
      if (cloud.ids[i] % step == 7) cloud.points[i * geometry::dim + 4] = 1e20 * (1.0 + 1.0 * cloud.ids[i]);
    SpectrumOptions options;
    options.source = "s.h5";
    options.keep_outliers = keep_outliers;
    Listener listener;
    try {
      compute_spectrum(std::move(cloud), *euclidean, options, world(), listener);
    } catch (const CollectiveError& e) {
      EXPECT_EQ(e.fault(), Fault::bad_input);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(refusal(1000, true).find("s.h5: 1 of 1000 points lie far from all others: row 7 ("),
            std::string::npos);
  EXPECT_NE(refusal(1000, true).find("cannot be kept"), std::string::npos);
  EXPECT_NE(refusal(20, false).find("50 of 1000 points"), std::string::npos) << refusal(20, false);
  EXPECT_NE(refusal(20, false).find("too many to leave out"), std::string::npos);
  EXPECT_EQ(refusal(1000, false), "");
}

/// One point whose own metric is that large is no nearer to the others.
TEST(ComputeSpectrum, strays_by_their_metric_are_left_out) {
  PointCloud cloud = box_points(1000, {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}, 1.0);
  cloud.one_metric = false;
  const std::vector<double> metric = cloud.metrics;
  cloud.metrics.clear();
  for (const GlobalIndex id : cloud.ids)
    for (const double entry : metric) cloud.metrics.push_back(id == 700 ? 1e200 * entry : entry);
  SpectrumOptions options;
  options.limits = Limits::none;
  Listener listener;
  const auto euclidean = geometry::make_manifold("euclidean");
  const auto report = compute_spectrum(std::move(cloud), *euclidean, options, world(), listener);
  EXPECT_EQ(report.left_out, std::vector<GlobalIndex>{700});
  EXPECT_GT(report.pairs.values[1], 1.0);
}

/// Dense and sparse regions, and thin tails, are no strays.
TEST(ComputeSpectrum, tails_are_no_strays) {
  PointCloud cloud = box_points(3000, {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}, 1.0);
  for (double& x : cloud.points) {  // a normal distribution, nearly: the logistic one
    const double u = std::min(std::max(x, 1e-12), 1.0 - 1e-12);
    x = 0.55 * std::log(u / (1.0 - u));
  }
  SpectrumOptions options;
  options.limits = Limits::none;
  Listener listener;
  const auto euclidean = geometry::make_manifold("euclidean");
  EXPECT_EQ(compute_spectrum(std::move(cloud), *euclidean, options, world(), listener).n_left_out, 0);
  EXPECT_TRUE(listener.warnings.empty());
}

/// Wants a stop, on the last rank, the n-th time that it is asked.
class Stopper final : public Observer {
 public:
  explicit Stopper(int n) : left_(n) {}
  bool stop_requested() override { return --left_ == 0 && world().rank() == world().size() - 1; }
  bool was_asked_so_often() const { return left_ <= 0; }

 private:
  int left_;
};

/// Wherever it is asked: between stages, and at restarts of the eigensolver.
TEST(ComputeSpectrum, a_stop_that_one_rank_wants_stops_all) {
  int asked = 0;
  for (int n = 1;; n += 1 + n / 4) {
    Stopper stopper(n);
    try {
      spectrum_of_torus({}, world(), stopper);
      EXPECT_FALSE(stopper.was_asked_so_often()) << n;
      break;
    } catch (const Stopped&) {
      asked = n;
    }
  }
  EXPECT_GE(asked, 10);
  Observer silent;
  EXPECT_EQ(spectrum_of_torus({}, world(), silent).pairs.values.size(), 15U) << "PETSc is as before";
}

/// Rows in memory, uneven on the ranks, are numbered in their order, and functions come back in it.
TEST(ComputeSpectrum, rows_in_memory_are_a_cloud) {
  const auto torus = geometry::make_manifold("torus7");
  const PointCloud all = torus_points(*torus, 500, world());
  const geometry::Matrix7 g = geometry::Matrix7::Identity();
  PointRows rows;
  rows.count = static_cast<GlobalIndex>(all.size());
  rows.points = all.points.data();
  rows.metrics = g.data();
  rows.one_metric = true;
  Observer silent;
  const PointCloud cloud = cloud_of(rows, *torus, true, world(), silent);
  EXPECT_EQ(cloud.n_global, 500);
  EXPECT_EQ(cloud.ids, all.ids);
  EXPECT_EQ(cloud.points, all.points);
  EXPECT_EQ(cloud.metrics, all.metrics);
  EXPECT_TRUE(cloud.one_metric);

  std::vector<double> broken = all.points;
  if (world().rank() == 0) broken[3] = std::nan("");
  rows.points = broken.data();
  try {
    cloud_of(rows, *torus, true, world(), silent);
    ADD_FAILURE() << "NaN is no coordinate";
  } catch (const CollectiveError& e) {
    EXPECT_NE(std::string(e.what()).find("points row 0"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace k7::spectral
