// SPDX-License-Identifier: Apache-2.0
//
// The metric of a trained model, from a library that is loaded when a model is wanted: with LibTorch in it, every start
// of k7_spectral would take most of a second.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "k7/base/device.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::apps {

/// A metric that is known everywhere.
class ModelMetric {
 public:
  virtual ~ModelMetric() = default;
  virtual const geometry::Manifold& manifold() const = 0;
  /// points (n, manifold().point_size()) -> metrics (n, 7, 7) in manifold().frame(). Not collective.
  virtual std::vector<double> at(const std::vector<double>& points) const = 0;
};

/// What it takes to open a model.
struct ModelRequest {
  std::string path;  ///< checkpoint
  DeviceChoice device = DeviceChoice::automatic;
  int threads = 1;  ///< of this rank
};

/// Collective. @throws CollectiveError for a library or a checkpoint that cannot be opened
std::unique_ptr<ModelMetric> open_model_metric(const ModelRequest& request,
                                               const parallel::Communicator& comm);

/// The library's name for the function that makes a ModelMetric.
using MakeModelMetric = ModelMetric* (*)(const ModelRequest&, const parallel::Communicator&);
inline constexpr const char* make_model_metric_symbol = "k7_make_model_metric";
inline constexpr const char* model_library = "libk7_model_metric.so";

}  // namespace k7::apps
