// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "g2/constant.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/model/model_spec.hpp"
#include "model/network.hpp"

namespace k7::model {

/// Points of a manifold as a network wants them.
struct Batch {
  at::Tensor features;  ///< (8, n, n_features): values, then the seven frame derivatives
  g2::Jet background;   ///< coframe (n, 7, 7) that the network's output is added to, see Manifold::background
  g2::Jet envelope;     ///< factor (n) of the network's output, see Manifold::envelope
  at::Tensor exact;     ///< coframe (n, 7, 7) of the known solution; undefined where there is none

  std::int64_t size() const { return features.size(1); }
  /// The network computes in the type of the features, everything after it in that of the background.
  Batch in(at::ScalarType network, at::ScalarType geometry) const;
};

/// A 3-form with its frame derivatives, in the manifold's coframe.
struct FormJet {
  g2::Jet phi;      ///< (n, 35)
  g2::Jet coframe;  ///< (n, 7, 7), phi = A^* phi_0; undefined for free components
};

/// A 3-form given by a network: manifold + network + ansatz.
class LearnedForm {
 public:
  /// All parameters zero. @throws InputError for choices that do not go together
  LearnedForm(const ModelSpec& spec, const at::Device& device, std::int64_t gradient_tail = 0);

  const ModelSpec& spec() const { return spec_; }
  /// Replaces spec().base.
  void set_base(const std::vector<double>& base);
  const geometry::Manifold& manifold() const { return *manifold_; }
  Network& network() { return network_; }
  const Network& network() const { return network_; }

  /// Points begin..begin+count of a draw.
  Batch sample(const geometry::DrawKey& key, GlobalIndex begin, GlobalIndex count) const;
  /// The same of the draw whose points come with all their Manifold::image()s, one after the other.
  Batch sample_images(const geometry::DrawKey& key, GlobalIndex begin, GlobalIndex count) const;
  /// points: (n, point_size).
  Batch at(const std::vector<double>& points) const;

  /// phi and its derivatives; differentiable in the network's parameters.
  FormJet jet(const Batch& batch) const;
  /// The same from given outputs (n, outputs) in the network's place.
  FormJet form(const g2::Jet& outputs, const Batch& batch) const;

  /// phi: (n, 35) and the metric of metric_map: (n, 7, 7), in the manifold's frame() (not the scaled
  /// coframe).
  struct Values {
    at::Tensor phi, g;
  };
  Values values(const Batch& batch) const;

 private:
  ModelSpec spec_;
  std::shared_ptr<const geometry::Manifold> manifold_;
  g2::Constant scale_;                ///< (7, 7) diagonal, from the scaled coframe to the frame
  g2::Constant scale_of_forms_;       ///< (35) the same for 3-forms
  std::optional<g2::Constant> base_;  ///< (7, 7) spec().base; nothing: the identity
  Network network_;
};

std::unique_ptr<geometry::Manifold> manifold_of(const ModelSpec& spec);

}  // namespace k7::model
