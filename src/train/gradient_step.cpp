// SPDX-License-Identifier: Apache-2.0
#include "train/gradient_step.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/device.hpp"
#include "train/tensors.hpp"

namespace k7::train {
namespace {

/// Points that keep a GPU busy; 1 GB of the default network's activations.
constexpr GlobalIndex cuda_chunk = 4096;

/// Gradients and terms.
at::Tensor summed_part(const model::Network& network, std::int64_t n_terms) {
  return network.gradient_buffer().narrow(0, 0, network.parameters().numel() + n_terms);
}

at::Tensor norm_of_gradients(const model::Network& network) {
  return network.gradients().norm();
}

}  // namespace

GradientStep::GradientStep(const TrainOptions& options, const Objective& objective,
                           const model::LearnedForm& form, parallel::GradientReducer& reducer,
                           const parallel::Communicator& comm, const Chunks& chunks, Observer& observer)
    : options_(options),
      objective_(objective),
      form_(form),
      reducer_(reducer),
      comm_(comm),
      chunks_(chunks),
      observer_(observer),
      chunk_points_(options.chunk_points > 0
                        ? options.chunk_points
                        : points_per_chunk(options.batch_size, objective.chunk_points(), comm.size())),
      tree_(static_cast<std::size_t>(form.network().parameters().numel()) + objective.terms().size()) {}

std::int64_t GradientStep::tail(const Objective& objective) {
  return static_cast<std::int64_t>(objective.terms().size()) + 2;
}

StepSums GradientStep::operator()(int draw, int next) {
  if (on_gpu()) {
    accumulate_on_gpu(draw);
    return sums_on_gpu(next);
  }
  accumulate(draw);
  from_vector(summed_part(form_.network(), n_terms()), tree_.finish(comm_));
  StepSums sums{terms_in_buffer(), false, norm_of_gradients(form_.network()).item<double>()};
  sums.stop_requested = comm_.sum(observer_.stop_requested() ? 1.0 : 0.0) > 0.0;
  return sums;
}

/// The buffer's sum over the ranks; the host waits for the device once, and prepares the next points before.
StepSums GradientStep::sums_on_gpu(int next) {
  const model::Network& network = form_.network();
  if (observer_.stop_requested()) tail_of_buffer()[n_terms()].fill_(1.0);
  if (comm_.size() > 1) model::sum_over_ranks(reducer_, network.gradient_buffer());
  tail_of_buffer()[n_terms() + 1].copy_(norm_of_gradients(network));
  prepare(next);
  std::vector<double> numbers = to_vector(tail_of_buffer());
  StepSums sums;
  sums.gradient_norm = numbers.back();
  numbers.pop_back();
  sums.stop_requested = numbers.back() > 0.0;
  numbers.pop_back();
  sums.terms = std::move(numbers);
  return sums;
}

at::Tensor GradientStep::tail_of_buffer() const {
  const model::Network& network = form_.network();
  return network.gradient_buffer().narrow(0, network.parameters().numel(), tail(objective_));
}

GlobalIndex GradientStep::chunk_size() const {
  const GlobalIndex share = (options_.batch_size + comm_.size() - 1) / comm_.size();
  return on_gpu() ? std::min<GlobalIndex>(cuda_chunk, share) : chunk_points_;
}

model::Batch GradientStep::points_of(int draw, GlobalIndex begin, GlobalIndex count) const {
  const geometry::DrawKey key{options_.seed, geometry::Stream::training, static_cast<std::uint32_t>(draw)};
  return options_.images ? form_.sample_images(key, begin, count) : form_.sample(key, begin, count);
}

void GradientStep::prepare(int draw) {
  const GlobalIndex chunk = chunk_size();
  const GlobalIndex chunks = (options_.batch_size + chunk - 1) / chunk;
  const GlobalIndex begin = chunk * parallel::even_rows(chunks, comm_.rank(), comm_.size()).begin;
  const GlobalIndex count = std::min(chunk, options_.batch_size - begin);
  if (count > 0) prepared_ = Prepared{draw, begin, count, points_of(draw, begin, count)};
}

model::Batch GradientStep::take_points(int draw, GlobalIndex begin, GlobalIndex count) {
  const auto ready = std::exchange(prepared_, std::nullopt);
  const bool fits = ready && ready->draw == draw && ready->begin == begin && ready->count == count;
  return fits ? ready->points : points_of(draw, begin, count);
}

Objective::Value GradientStep::loss_of(const model::Batch& points) const {
  const at::ScalarType network_type = options_.dtype == Precision::float64 ? at::kDouble : at::kFloat;
  const at::ScalarType geometry_type = options_.dtype == Precision::float32 ? at::kFloat : at::kDouble;
  return objective_(form_, points.in(network_type, geometry_type), options_.batch_size);
}

/// This rank's share of the gradients and, behind them, of the loss's terms, into tree_. Every worker writes a
/// vector of its own; only the tree's additions wait for their turn.
void GradientStep::accumulate(int draw) {
  const model::Network& network = form_.network();
  const std::int64_t n_parameters = network.parameters().numel();
  const auto n = static_cast<std::size_t>(n_parameters + n_terms());
  std::vector<std::vector<double>> shares(static_cast<std::size_t>(chunks_.workers()));
  const auto compute = [&](std::size_t worker, GlobalIndex begin, GlobalIndex count) {
    const Objective::Value value = loss_of(points_of(draw, begin, count));
    const auto gradients = network.gradients_of(value.loss);
    std::vector<double>& share = shares[worker];
    share.assign(n, 0.0);
    const at::Tensor flat = at::from_blob(share.data(), {static_cast<std::int64_t>(n)}, at::kDouble);
    network.add_gradients(gradients, flat);
    flat.narrow(0, n_parameters, value.terms.numel()).add_(value.terms);
  };
  const auto collect = [&](std::size_t worker, GlobalIndex chunk) {
    tree_.add(chunk, std::move(shares[worker]));
  };
  chunks_.run(options_.batch_size, chunk_size(), compute, collect);
}

/// The same, added up in the network's buffer.
void GradientStep::accumulate_on_gpu(int draw) {
  const model::Network& network = form_.network();
  const at::Tensor& buffer = network.gradient_buffer();
  buffer.zero_();
  const auto compute = [&](std::size_t, GlobalIndex begin, GlobalIndex count) {
    const Objective::Value value = loss_of(take_points(draw, begin, count));
    network.add_gradients(network.gradients_of(value.loss));
    buffer.narrow(0, network.parameters().numel(), value.terms.numel()).add_(value.terms);
  };
  chunks_.run(options_.batch_size, chunk_size(), compute);
}

std::vector<double> GradientStep::terms_in_buffer() const {
  return to_vector(tail_of_buffer().narrow(0, 0, n_terms()));
}

std::string GradientStep::not_finite(int draw) {
  if (on_gpu()) {
    accumulate_on_gpu(draw);
  } else {
    accumulate(draw);
    from_vector(summed_part(form_.network(), n_terms()), tree_.finish_here());
  }
  const auto& names = objective_.terms();
  const auto terms = terms_in_buffer();
  // The loss, which comes first, is the sum of those that follow.
  std::size_t found = 1;
  while (found < names.size() && std::isfinite(terms[found])) ++found;
  if (found == names.size() && !std::isfinite(terms[Objective::loss])) found = Objective::loss;
  if (found == names.size() && std::isfinite(norm_of_gradients(form_.network()).item<double>())) ++found;
  const auto all = comm_.all_gather(found);
  for (std::size_t rank = 0; rank < all.size(); ++rank)
    if (all[rank] <= names.size())
      return fmt::format("{} of rank {}", all[rank] < names.size() ? names[all[rank]] : "the gradient", rank);
  return "the sum over the ranks";
}

}  // namespace k7::train
