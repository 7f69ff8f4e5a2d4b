// SPDX-License-Identifier: Apache-2.0
//
// What is reported about a spectrum: the verdict on the predicted first eigenvalue, JSON and a table.
#pragma once

#include <string>

#include "io/json_file.hpp"
#include "k7/spectral/point_cloud.hpp"
#include "spectral/limit/limit.hpp"
#include "spectral/solve/eigensolver.hpp"

namespace k7::spectral {

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
  double total = 0.0;
};

/// A finished run.
struct SpectrumReport {
  std::string method;
  int k;
  GlobalIndex n_points;
  GlobalIndex n_components;
  EigenPairs pairs;
  std::vector<Rung> ladder;  ///< empty without extrapolation
  SpectrumLimit limit;       ///< its multiplets may go beyond the reported eigenvalues
  Prediction prediction;
  MetricStatistics metric;
  Timing timing;
};

/// Judges the limit of lambda_1 where there is one, otherwise that of the graph.
Verdict judge(const SpectrumReport& report);

/// The parts constants, metric, spectral, validation and timing of the results tree.
io::Json spectrum_json(const SpectrumReport& report);

/// The same for people: eigenvalues with residuals, verdict, seconds.
std::string spectrum_table(const SpectrumReport& report);

}  // namespace k7::spectral
