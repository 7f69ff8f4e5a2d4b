// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

#include "cli/outputs.hpp"
#include "k7/geometry/conventions.hpp"
#include "k7/spectral/spectrum.hpp"

namespace k7::apps {

/// The words of k7_spectral.
struct SpectralCommand {
  void declare(CLI::App& app);
  /// Enters what follows from the words and checks them. @throws InputError
  void complete(int n_threads);
  /// The outputs with the space that they take.
  std::vector<cli::Outputs::File> files(GlobalIndex n_points, int ranks) const;

  spectral::SpectrumOptions options;
  std::string samples;
  std::string model;
  std::optional<double> accuracy;
  bool extrapolate = false;
  bool no_extrapolate = false;
  spectral::Prediction prediction{geometry::Constants::h_star, geometry::Constants::lambda1_target};
  bool require_pass = false;
  int threads = 0;
  std::string out = "spectral.json";
  std::string eigenvectors;
  std::string graph;
};

}  // namespace k7::apps
