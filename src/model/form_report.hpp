// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "io/json_file.hpp"
#include "k7/parallel/communicator.hpp"
#include "model/learned_form.hpp"

namespace k7::model {

/// What a 3-form is worth, over fresh points uniform in the sampler's measure: mean and maximum of |d phi|^2,
/// |d psi|^2, their sum (with the standard error of its mean) and the torsion classes, positivity, det g,
/// tr g / 7 and cond g in the learned coframe, the volume; and, where the exact solution is known, the errors
/// against it. The points depend on the seed alone. Collective.
io::Json report_on(const LearnedForm& form, GlobalIndex n_points, std::uint64_t seed,
                   const parallel::Communicator& comm);

}  // namespace k7::model
