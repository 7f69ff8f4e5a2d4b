// SPDX-License-Identifier: Apache-2.0
#include "train/validator.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "train/tensors.hpp"

namespace k7::train {
namespace {

/// Of the mean of these numbers.
double upper_end(const std::vector<double>& losses) {
  constexpr double two_sided_95 = 1.96;  // of the normal distribution; 16 blocks give 93 %
  const auto n = static_cast<double>(losses.size());
  const double mean = std::accumulate(losses.begin(), losses.end(), 0.0) / n;
  double squares = 0.0;
  for (const double x : losses) squares += (x - mean) * (x - mean);
  return mean + (losses.size() > 1 ? two_sided_95 * std::sqrt(squares / (n * (n - 1.0))) : 0.0);
}

/// One copy for all; 0 for what is undefined.
std::vector<double> on_host(const std::vector<at::Tensor>& scalars) {
  std::vector<at::Tensor> defined;
  for (const at::Tensor& x : scalars)
    if (x.defined()) defined.push_back(x);
  std::vector<double> numbers(scalars.size(), 0.0);
  if (defined.empty()) return numbers;
  const std::vector<double> found = to_vector(at::stack(defined));
  auto next = found.begin();
  for (std::size_t i = 0; i < scalars.size(); ++i)
    if (scalars[i].defined()) numbers[i] = *next++;
  return numbers;
}

}  // namespace

Validator::Validator(const TrainOptions& options, const Objective& objective, const model::LearnedForm& form,
                     const parallel::Communicator& comm, const Chunks& chunks)
    : options_(options), objective_(objective), form_(form), comm_(comm), chunks_(chunks) {}

double Validator::operator()() const {
  constexpr GlobalIndex least_block = 128;
  const GlobalIndex images = form_.manifold().n_images();
  const GlobalIndex block = images * std::max<GlobalIndex>(1, least_block / images);
  const GlobalIndex least = std::max<GlobalIndex>(options_.batch_size, options_.validation_points);
  const GlobalIndex n_blocks = (least + block - 1) / block;
  const geometry::DrawKey key{options_.seed, geometry::Stream::validation, 1};
  std::vector<at::Tensor> here(static_cast<std::size_t>(n_blocks));  // blocks of other ranks stay undefined
  chunks_.run(n_blocks, 1, [&](std::size_t, GlobalIndex first, GlobalIndex) {
    const at::NoGradGuard no_gradient;
    const model::Batch batch = form_.sample_images(key, first * block, block);
    here[static_cast<std::size_t>(first)] = objective_(form_, batch, block).terms[Objective::loss];
  });
  std::vector<double> losses = on_host(here);
  comm_.sum(losses.data(), losses.size());
  return upper_end(losses);
}

}  // namespace k7::train
