// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "model/learned_form.hpp"
#include "train/loss/torsion_loss.hpp"

namespace k7::train {

/// The best 3-form with constant components in the manifold's coframe for the same loss and the same ansatz:
/// what a network has to reach or beat. Local minima are many: BFGS from `starts` random starts, the least
/// kept. It is an upper bound of the infimum over constants. An ansatz of free components is represented by
/// A^* phi_0, which covers all positive forms.
/// @param give_up looked at between the steps of the search; where it returns true, nothing is found
struct LeftInvariant {
  double loss = 0.0;            ///< the least that the searches found
  std::vector<double> coframe;  ///< (7, 7); empty: nothing was found
  std::vector<double> terms;    ///< in the order of TorsionLoss::terms()
  double cond_g = 0.0;
  int starts = 0;
  int starts_that_reached_it = 0;
};
LeftInvariant best_left_invariant(const model::ModelSpec& spec, const TorsionLoss& loss, std::uint64_t seed,
                                  int starts, const std::function<bool()>& give_up = {});

}  // namespace k7::train
