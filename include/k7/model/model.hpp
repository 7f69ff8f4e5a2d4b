// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "k7/base/device.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::model {

/// A trained network, ready to be evaluated.
class Model {
 public:
  /// Reads a checkpoint's /model. Collective.
  /// @throws CollectiveError naming the file and what is wrong with it
  Model(const std::string& path, const parallel::Communicator& comm, DeviceChoice device);
  ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// Of the checkpoint.
  const std::string& path() const;
  const geometry::Manifold& manifold() const;
  /// cpu or cuda.
  std::string device() const;

  /// points: (n, manifold().point_size()) -> phi: (n, 35) and metric: (n, 7, 7) in manifold().frame(),
  /// resized. Not collective.
  void evaluate(const std::vector<double>& points, std::vector<double>& phi,
                std::vector<double>& metric) const;

  /// Torsion, positivity, determinant and conditioning over fresh points, as reported in train.json.
  /// Collective.
  nlohmann::ordered_json report(GlobalIndex n_points, std::uint64_t seed,
                                const parallel::Communicator& comm) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace k7::model
