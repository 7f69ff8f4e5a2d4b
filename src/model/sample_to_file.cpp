// SPDX-License-Identifier: Apache-2.0
#include "k7/model/sample_to_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "k7/base/error.hpp"
#include "k7/geometry/metric.hpp"
#include "k7/parallel/agree.hpp"
#include "model/output_path.hpp"

namespace k7::model {
namespace {

using geometry::dim;

/// Fills what belongs to the points of a block that begins at a row.
using Fill = std::function<void(io::SampleBlock& block, GlobalIndex begin)>;

/// @param begin the first point of `values`
void require_finite(const std::vector<double>& values, const char* what, GlobalIndex width,
                    const std::string& model, GlobalIndex begin) {
  const auto bad = std::find_if(values.begin(), values.end(), [](double x) { return !std::isfinite(x); });
  if (bad == values.end()) return;
  throw Error(Fault::numerical,
              fmt::format("{}: {} of this model is not finite at point {}; nothing was written. Has its "
                          "training gone wrong?",
                          model, what, begin + (bad - values.begin()) / width));
}

/// A sampler that is uniform in the frame's volume has this density against the metric's.
/// @param begin the first point of `metric`
/// @throws InputError naming the row of `out` whose density no double holds
std::vector<double> densities(const geometry::Manifold& manifold, const std::vector<double>& metric,
                              const std::string& out, GlobalIndex begin) {
  std::vector<double> weight;
  weight.reserve(metric.size() / (dim * dim));
  for (std::size_t i = 0; i < metric.size(); i += dim * dim) {
    weight.push_back(geometry::inverse_volume(geometry::pack(metric.data() + i).data()) /
                     manifold.frame_volume());
    if (!std::isnormal(weight.back()))
      throw InputError(fmt::format(
          "{}: /weight row {}: 1 / sqrt(det g) is too {} for float64, nothing was written; choose units in "
          "which the metric is nearer 1",
          out, begin + static_cast<GlobalIndex>(weight.size()) - 1, weight.back() < 1.0 ? "small" : "large"));
  }
  return weight;
}

io::SampleBlock make_block(const geometry::Manifold& manifold, const SampleRequest& request,
                           GlobalIndex begin, GlobalIndex n, const Fill& fill) {
  const geometry::DrawKey key{request.seed, geometry::Stream::samples, 0};
  const int point_size = manifold.point_size();
  io::SampleBlock block;
  block.coords.resize(static_cast<std::size_t>(n) * dim);
  block.points.resize(static_cast<std::size_t>(n) * point_size);
  for (GlobalIndex i = 0; i < n; ++i)
    manifold.sample(key, static_cast<std::uint64_t>(begin + i), block.points.data() + i * point_size,
                    block.coords.data() + i * dim);
  if (point_size != geometry::point_size_neck) block.points.clear();
  fill(block, begin);
  if (manifold.frame_volume() > 0.0) block.weight = densities(manifold, block.metric, request.out, begin);
  return block;
}

void write_samples(const geometry::Manifold& manifold, bool has_phi, const SampleRequest& request,
                   const parallel::Communicator& comm, Observer& observer, const Fill& fill) {
  constexpr GlobalIndex block_rows = 8192;
  io::SampleWriter writer(request.out, comm, manifold,
                          {request.n_points, manifold.point_size() == geometry::point_size_neck, has_phi,
                           manifold.frame_volume() > 0.0});
  const auto rows = parallel::even_rows(request.n_points, comm.rank(), comm.size());
  parallel::agree(comm, [&] {
    for (GlobalIndex begin = rows.begin; begin < rows.end; begin += block_rows) {
      const GlobalIndex n = std::min(block_rows, rows.end - begin);
      writer.write(begin, make_block(manifold, request, begin, n, fill));
      observer.progress("sampling", begin + n - rows.begin, rows.count(), "");
    }
  });
  writer.commit();
}

Fill fill_of(const Model& model) {
  return [&model](io::SampleBlock& block, GlobalIndex begin) {
    model.evaluate(block.points.empty() ? block.coords : block.points, block.phi, block.metric);
    require_finite(block.phi, "phi", geometry::n_phi, model.path(), begin);
    require_finite(block.metric, "the metric", GlobalIndex{dim} * dim, model.path(), begin);
  };
}

}  // namespace

io::SampleBlock sample(const Model& model, const SampleRequest& request, GlobalIndex begin, GlobalIndex n) {
  return make_block(model.manifold(), request, begin, n, fill_of(model));
}

void sample_to_file(const Model& model, const SampleRequest& request, const parallel::Communicator& comm,
                    Observer& observer) {
  parallel::agree_on_root(comm, [&] { require_other_file(request.out, model.path(), "the model"); });
  write_samples(model.manifold(), true, request, comm, observer, fill_of(model));
}

void sample_to_file(const geometry::Manifold& manifold, const std::vector<double>& metric,
                    const SampleRequest& request, const parallel::Communicator& comm, Observer& observer) {
  const auto fill = [&](io::SampleBlock& block, GlobalIndex) {
    const std::size_t n = block.coords.size() / dim;
    block.metric.reserve(n * dim * dim);
    for (std::size_t i = 0; i < n; ++i) block.metric.insert(block.metric.end(), metric.begin(), metric.end());
  };
  write_samples(manifold, false, request, comm, observer, fill);
}

}  // namespace k7::model
