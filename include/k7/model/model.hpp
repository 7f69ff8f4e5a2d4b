// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "k7/base/device.hpp"
#include "k7/g2/torsion_fields.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/model/model_spec.hpp"
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
  const ModelSpec& spec() const;
  const geometry::Manifold& manifold() const;
  /// cpu or cuda.
  std::string device() const;

  /// points: (n, manifold().point_size()) -> phi: (n, 35) and metric: (n, 7, 7) in manifold().frame(),
  /// resized. Not collective.
  void evaluate(const std::vector<double>& points, std::vector<double>& phi,
                std::vector<double>& metric) const;

  /// The same points -> phi and its derivatives (n, 7, 35) along manifold().frame(), resized. Not collective.
  void jet(const std::vector<double>& points, std::vector<double>& phi,
           std::vector<double>& derivatives) const;

  /// Structure constants of manifold().frame(), C[c, a, b].
  geometry::Structure structure() const;

  /// The G2-structure and torsion of phi at points, in manifold().frame(); see g2::torsion_fields. Not collective.
  std::vector<g2::PointField> torsion(const std::vector<double>& points) const;

  /// Torsion, positivity, determinant and conditioning over fresh points, as reported in train.json.
  /// Collective.
  nlohmann::ordered_json report(GlobalIndex n_points, std::uint64_t seed,
                                const parallel::Communicator& comm) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace k7::model
