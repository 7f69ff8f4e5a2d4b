// SPDX-License-Identifier: Apache-2.0
//
// What is reported about a spectrum: the verdict on the predicted first eigenvalue, JSON and a table.
#pragma once

#include <array>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "k7/spectral/point_cloud.hpp"
#include "k7/spectral/spectrum_options.hpp"

namespace k7::spectral {

/// Smallest eigenvalues, ascending, and what they are worth. After a failed run only the converged ones are
/// there.
struct EigenPairs {
  std::vector<double> values;
  std::vector<double> residuals;  ///< |A x - lambda x| for |x| = 1, computed afresh from the result
  std::vector<double> functions;  ///< (n_local, values.size()) f = M^{-1/2} x with f^T M f = 1, if wanted
  int zero_modes = 0;             ///< how many came from the null space; their values are Rayleigh quotients
  bool converged = true;
};

/// One graph's spectrum.
struct Rung {
  int part;  ///< 0: all points; 1, 2: the two halves
  int k;     ///< neighbours
  GlobalIndex n_points;
  double mean_degree;       ///< edges per point, close to k
  double mean_distance_sq;  ///< h^2, see Laplacian
  GlobalIndex n_components;
  double shortest_sq;        ///< squared length of a direction that is not resolved, otherwise infinite
  double calibration_doubt;  ///< relative, see SymmetricGraph
  /// How much of the neighbourhoods lies beyond the boundary: the mean of -log(share kept) over the volume.
  double mean_cut;
  std::vector<double> values;  ///< ascending, zero modes included; fewer when some did not converge
  double wrapped = 0.0;        ///< share of the neighbours that are nearly half a circle away, see Resolution
  double effective_points = 0.0;  ///< (sum_i V_i)^2 / sum_i V_i^2 of the volumes V_i that points stand for
};

/// What a limit comes from.
enum class Source {
  graph,  ///< the ladder of graphs
  ritz,   ///< global basis functions
  both    ///< they disagree, and the bar covers both
};
constexpr NameTable<Source, 3> names_of(Source) {
  return {{{Source::graph, "graph"}, {Source::ritz, "ritz"}, {Source::both, "both"}}};
}

/// Neighbouring eigenvalues whose distances are not larger than their noise. Their mean is known much better
/// than each of them.
struct Multiplet {
  int first;             ///< index of its first eigenvalue, zero modes counted
  int count;             ///< how many
  bool is_open;          ///< more of it may lie beyond the computed eigenvalues; it then has no limit
  double raw;            ///< mean eigenvalue of the first rung
  double limit;          ///< mean eigenvalue for k, N -> infinity; NaN without one
  double error;          ///< of limit, two standard deviations; NaN without one
  std::string obstacle;  ///< why it has no limit though others may have one; empty otherwise
  Source source = Source::graph;
};

/// What a ladder says about the spectrum of the manifold.
struct SpectrumLimit {
  std::string obstacle;  ///< why there is none; empty when there is one
  std::vector<Multiplet> multiplets;
  /// Per eigenvalue of the first rung: the limit of its multiplet, NaN without one.
  std::vector<double> values;
  /// How far (two standard deviations) a single eigenvalue may be from its limit, the scatter within the
  /// multiplet included; without a limit, from the graph's eigenvalue: see graph_error.
  std::vector<double> errors;
};

/// What min-max says of a metric g near one that is constant in the frame, whose spectrum is known exactly:
///     (alpha / beta) lambda_k(g0) <= lambda_k(g) <= (alpha' / beta') lambda_k(g0)
/// with alpha, beta from the points, see NearConstant: no proof, for g may be farther from g0 between the points.
struct Witness {
  geometry::Matrix7 metric;    ///< g0, in the manifold's frame
  std::vector<double> values;  ///< lambda_k(g0), with multiplicity from 0 on; maybe more than are reported
  std::vector<double> lower;   ///< of lambda_k(g), as many
  std::vector<double> upper;
};

/// How Rayleigh-Ritz integrated where it chose the nodes itself.
struct QuadratureReport {
  int n_rules;          ///< turned against each other
  GlobalIndex n_nodes;  ///< of all
  int n_functions;      ///< independent ones in the basis
  std::array<int, geometry::dim>
      degrees;  ///< highest of the basis in what varies along each direction of the frame
};

/// The prediction lambda_1 * h_star = target.
struct Prediction {
  double h_star;
  double target;
};

/// lambda_1 against the prediction: PASSED below 5 % deviation, PARTIAL below 15 %, else NEEDS_REFINEMENT.
struct Verdict {
  double lambda1_h_star;     ///< NaN when there is no second eigenvalue
  double deviation_percent;  ///< NaN likewise
  bool passed;
  std::string status;
};
Verdict judge(double lambda_1, bool converged, const Prediction& prediction);
Verdict judge(const EigenPairs& pairs, const Prediction& prediction);

/// Seconds per stage.
struct Timing {
  double read = 0.0;
  double partition = 0.0;
  double knn = 0.0;
  double assemble = 0.0;
  double eigensolve = 0.0;
  double extrapolate = 0.0;  ///< all rungs of the ladder but the first
  double ritz = 0.0;         ///< Rayleigh-Ritz
  double total = 0.0;
};

/// A finished run.
struct SpectrumReport {
  Method method = Method::graph;
  bool on_gpu = false;                ///< whether the matrix was on a GPU
  int k = 0;                          ///< neighbours, 0 where there is no graph
  GlobalIndex n_points = 0;           ///< without those that were left out
  GlobalIndex n_strays = 0;           ///< points far from all others that are among n_points
  GlobalIndex n_left_out = 0;         ///< points far from all others
  std::vector<GlobalIndex> left_out;  ///< input rows of the first of them, ascending
  GlobalIndex n_components = 0;
  GlobalIndex n_halo = 0;        ///< points of other ranks that this rank had to look at
  std::vector<GlobalIndex> ids;  ///< (n_local) input rows of this rank's rows of pairs.functions, if wanted
  EigenPairs pairs;
  std::vector<Rung> ladder;                    ///< empty without extrapolation
  SpectrumLimit limit;                         ///< its multiplets may go beyond the reported eigenvalues
  SpectrumLimit graph_limit;                   ///< with Method::automatic: what the graphs say, and
  SpectrumLimit ritz_limit;                    ///< what Rayleigh-Ritz says; limit is what they agree on
  std::optional<QuadratureReport> quadrature;  ///< where the metric is known everywhere
  std::optional<Witness> witness;  ///< where the metric is nearly constant; nothing else depends on it
  Prediction prediction{};
  MetricStatistics metric{};
  Timing timing;
};

/// Judges the limit of lambda_1 where there is one, otherwise that of the graph.
Verdict judge(const SpectrumReport& report);

/// The parts constants, metric, spectral, validation and timing of the results tree.
nlohmann::ordered_json spectrum_json(const SpectrumReport& report);

/// The same for people: eigenvalues with residuals, verdict, seconds.
std::string spectrum_table(const SpectrumReport& report);

}  // namespace k7::spectral
