// SPDX-License-Identifier: Apache-2.0
//
// The spectrum of a metric that is known everywhere.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/stopwatch.hpp"
#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/spectral/compute_spectrum.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;

/// How fine the nodes are.
struct Fineness {
  std::array<int, dim> degrees;  ///< for which the rules are exact, see RuleRequest
  int n_rules;
  int most_functions;
};

/// Functions of degree 5 along a circle or an interval, where nodes cost little, and 3 elsewhere.
Fineness first_fineness() {
  constexpr int degree = 7;
  constexpr int axis_degree = 11;
  Fineness first{{}, 4, 300};
  first.degrees.fill(degree);
  first.degrees[0] = axis_degree;
  return first;
}

/// Three degrees more along circles and intervals than the first basis has, 5 elsewhere. Two rules are enough for what
/// they leave of the error.
Fineness finer(const QuadratureReport& first) {
  constexpr int degree = 11;
  Fineness result{{}, 2, 600};
  result.degrees.fill(degree);
  result.degrees[0] = std::max(degree, 2 * (first.degrees[0] + 3) + 1);
  return result;
}

/// This rank's share of the nodes of all rules, with their weights.
PointCloud share_of_nodes(const geometry::Manifold& manifold, const Fineness& fineness,
                          const parallel::Communicator& comm) {
  PointCloud cloud;
  cloud.point_size = manifold.point_size();
  cloud.nodes = NodeSet{fineness.n_rules, fineness.most_functions, {}, {}};
  const auto point_size = static_cast<std::size_t>(cloud.point_size);
  for (int copy = 0; copy < fineness.n_rules; ++copy) {
    const auto rule = manifold.quadrature({fineness.degrees, copy});
    cloud.nodes->exactness = rule.exactness();
    cloud.n_global += rule.size();
    const auto rows = parallel::even_rows(rule.size(), comm.rank(), comm.size());
    for (GlobalIndex i = rows.begin; i < rows.end; ++i) {
      cloud.ids.push_back(i * fineness.n_rules + copy);
      cloud.points.resize(cloud.points.size() + point_size);
      cloud.nodes->weights.push_back(rule.node(i, cloud.points.data() + cloud.points.size() - point_size));
    }
  }
  return cloud;
}

/// Enters the metrics at the points.
/// @throws InputError for metrics that are none
void add_metrics(PointCloud& cloud, const MetricFunction& metric, const std::string& source,
                 Observer& observer) {
  constexpr std::size_t block_rows = 8192;
  const auto point_size = static_cast<std::size_t>(cloud.point_size);
  for (std::size_t begin = 0; begin < cloud.size(); begin += block_rows) {
    const std::size_t n = std::min(block_rows, cloud.size() - begin);
    const double* first = cloud.point(begin);
    const auto block = metric({first, first + n * point_size});
    if (block.size() != n * dim * dim)
      throw InputError(fmt::format("{}: {} numbers came for the metrics of {} points; 49 for each are needed",
                                   source, block.size(), n));
    for (std::size_t i = 0; i < n; ++i) {
      const double* g = block.data() + i * dim * dim;
      const std::string defect = geometry::metric_defect(g);
      if (!defect.empty())
        throw InputError(fmt::format("{}: at a node of the quadrature, {}", source, defect));
      const auto packed = geometry::pack(g);
      cloud.metrics.insert(cloud.metrics.end(), packed.begin(), packed.end());
    }
    observer.progress("metric at nodes", static_cast<GlobalIndex>(begin + n),
                      static_cast<GlobalIndex>(cloud.size()), "");
  }
}

/// The largest bar of a reported eigenvalue, relative to it; of an eigenvalue without a limit infinite.
double largest_bar(const SpectrumReport& report) {
  double largest = 0.0;
  for (std::size_t i = 1; i < report.pairs.values.size(); ++i) {
    const double bar = report.limit.errors[i] / report.limit.values[i];
    largest = std::max(largest, std::isfinite(bar) ? bar : std::numeric_limits<double>::infinity());
  }
  return largest;
}

void require_sense(const SpectrumOptions& options, const geometry::Manifold& manifold) {
  validate(options);
  if (!(options.accuracy > 0.0)) throw InputError("--accuracy: it is a relative error, and above 0");
  if (options.method != Method::automatic && options.method != Method::ritz)
    throw InputError(
        "--method " + name_of(options.method) +
        ": it needs samples, and a model is known everywhere; leave --method out, or draw samples "
        "with k7_sample");
  if (manifold.quadrature({}).size() == 0)
    throw InputError(options.source + ": its manifold " + manifold.name() +
                     " has no quadrature rules; draw samples of it with k7_sample");
}

}  // namespace

SpectrumReport compute_spectrum(const MetricFunction& metric, const geometry::Manifold& manifold,
                                const SpectrumOptions& given, const parallel::Communicator& comm,
                                Observer& observer) {
  SpectrumOptions options = given;
  parallel::agree(comm, [&] {
    require_sense(options, manifold);
    options.method = Method::ritz;
    validate(options);
  });
  const Stopwatch watch;
  double evaluation = 0.0;
  Fineness fineness = first_fineness();
  for (bool is_last = false;; is_last = true) {
    const double begin = watch.seconds();
    PointCloud cloud = share_of_nodes(manifold, fineness, comm);
    parallel::agree(comm, [&] { add_metrics(cloud, metric, options.source, observer); });
    const double seconds = watch.seconds() - begin;
    evaluation += seconds;
    observer.info(fmt::format("metric at {} nodes of {} quadrature rules: {:.2f} s", cloud.n_global,
                              fineness.n_rules, seconds));
    SpectrumReport report = compute_spectrum(std::move(cloud), manifold, options, comm, observer);
    report.timing.read = evaluation;
    report.timing.total = watch.seconds();
    if (is_last || largest_bar(report) <= options.accuracy) return report;
    fineness = finer(*report.quadrature);
  }
}

}  // namespace k7::spectral
