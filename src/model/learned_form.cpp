// SPDX-License-Identifier: Apache-2.0
#include "model/learned_form.hpp"

#include <array>
#include <atomic>

#include "g2/coframe.hpp"
#include "g2/device_path.hpp"
#include "g2/forms.hpp"
#include "g2/g2_structure.hpp"
#include "g2/small_products.hpp"

namespace k7::model {
namespace {

using geometry::dim;

/// (n) or (n, 7) against the trailing axes of `like`.
at::Tensor spread(const at::Tensor& x, const at::Tensor& like) {
  auto shape = x.sizes().vec();
  shape.resize(static_cast<std::size_t>(like.dim()), 1);
  return x.view(shape);
}

/// background + envelope * correction, by the product rule.
g2::Jet corrected(const g2::Jet& background, const g2::Jet& envelope, const g2::Jet& correction) {
  const at::Tensor w = spread(envelope.value, correction.value);
  const at::Tensor dw = spread(envelope.derivatives, correction.derivatives);
  return {
      background.value + w * correction.value,
      background.derivatives + dw * correction.value.unsqueeze(1) + w.unsqueeze(1) * correction.derivatives};
}

g2::Jet as_matrices(const g2::Jet& x) {
  const std::int64_t n = x.value.size(0);
  return {x.value.view({n, dim, dim}), x.derivatives.reshape({n, x.derivatives.size(1), dim, dim})};
}

/// A -> A B for a constant matrix B; nothing: the identity.
g2::Jet times_constant(const g2::Jet& a, const std::optional<g2::Constant>& b) {
  if (!b) return a;
  const at::Tensor matrix = b->like(a.value);
  return {at::matmul(a.value, matrix), at::matmul(a.derivatives, matrix)};
}

/// A batch in one tensor, which is one copy to a device.
class BatchLayout {
 public:
  /// @param n points
  /// @param width features of a point
  BatchLayout(std::int64_t n, std::int64_t width)
      : shapes_{{{1 + dim, n, width}, {n, dim, dim}, {n, dim, dim, dim}, {n}, {n, dim}, {n, dim, dim}}} {}

  /// Numbers of all parts.
  std::int64_t size() const {
    std::int64_t sum = 0;
    for (const auto& shape : shapes_) sum += room_for(shape);
    return sum;
  }

  /// all: (size()) -> its parts, which share its memory.
  Batch parts_of(const at::Tensor& all) const {
    std::int64_t offset = 0;
    const auto next = [&](std::size_t part) {
      const at::Tensor t = all.narrow(0, offset, c10::multiply_integers(shapes_[part])).view(shapes_[part]);
      offset += room_for(shapes_[part]);
      return t;
    };
    Batch batch;
    batch.features = next(0);
    batch.background.value = next(1);
    batch.background.derivatives = next(2);
    batch.envelope.value = next(3);
    batch.envelope.derivatives = next(4);
    batch.exact = next(5);
    return batch;
  }

 private:
  /// Every part begins where a tensor of its own would: at a multiple of 64 bytes.
  static std::int64_t room_for(const std::vector<std::int64_t>& shape) {
    constexpr std::int64_t line = 8;
    return (c10::multiply_integers(shape) + line - 1) / line * line;
  }

  std::array<std::vector<std::int64_t>, 6> shapes_;
};

/// (7, 7) with the scale of the coframe on its diagonal.
g2::Constant diagonal_scale(const geometry::Manifold& manifold) {
  const auto scale = manifold.scale();
  return g2::Constant(at::diag(at::tensor(at::ArrayRef<double>(scale.data(), scale.size()))));
}

/// (35) products of three scales.
g2::Constant scale_of_forms(const geometry::Manifold& manifold) {
  const auto scale = manifold.scale();
  const auto& triples = geometry::three_form_indices();
  at::Tensor factors = at::empty({geometry::n_phi}, at::kDouble);
  for (int c = 0; c < geometry::n_phi; ++c)
    factors.data_ptr<double>()[c] = scale[triples[c][0]] * scale[triples[c][1]] * scale[triples[c][2]];
  return g2::Constant(factors);
}

}  // namespace

Batch Batch::in(at::ScalarType network, at::ScalarType geometry) const {
  const auto jet = [geometry](const g2::Jet& x) {
    return g2::Jet{x.value.to(geometry), x.derivatives.to(geometry)};
  };
  return {features.to(network), jet(background), jet(envelope), exact.defined() ? exact.to(geometry) : exact};
}

std::unique_ptr<geometry::Manifold> manifold_of(const ModelSpec& spec) {
  geometry::ManifoldParameters parameters;
  parameters.radii = spec.radii;
  parameters.interval = spec.interval;
  return geometry::make_manifold(spec.manifold, parameters);
}

LearnedForm::LearnedForm(const ModelSpec& spec, const at::Device& device, std::int64_t gradient_tail)
    : spec_(spec),
      manifold_(manifold_of(spec)),
      scale_(diagonal_scale(*manifold_)),
      scale_of_forms_(scale_of_forms(*manifold_)),
      network_(spec.network, device, gradient_tail) {
  set_base(spec.base);
}

void LearnedForm::set_base(const std::vector<double>& base) {
  spec_.base = base;
  base_.reset();
  if (!base.empty())
    base_.emplace(at::from_blob(const_cast<double*>(base.data()), {dim, dim}, at::kDouble).clone());
}

Batch LearnedForm::sample(const geometry::DrawKey& key, GlobalIndex begin, GlobalIndex count) const {
  const auto size = static_cast<std::size_t>(manifold_->point_size());
  std::vector<double> points(static_cast<std::size_t>(count) * size);
  at::parallel_for(0, count, 256, [&](std::int64_t first, std::int64_t last) {
    std::array<double, dim> coords{};
    for (std::int64_t i = first; i < last; ++i)
      manifold_->sample(key, static_cast<std::uint64_t>(begin + i),
                        points.data() + static_cast<std::size_t>(i) * size, coords.data());
  });
  return at(points);
}

Batch LearnedForm::sample_images(const geometry::DrawKey& key, GlobalIndex begin, GlobalIndex count) const {
  const auto size = static_cast<std::size_t>(manifold_->point_size());
  const GlobalIndex images = manifold_->n_images();
  std::vector<double> points(static_cast<std::size_t>(count) * size);
  std::vector<double> point(size);
  std::array<double, dim> coords{};
  GlobalIndex drawn = -1;  // whose images come one after the other
  for (GlobalIndex i = 0; i < count; ++i) {
    const GlobalIndex base = (begin + i) / images;
    if (base != drawn) manifold_->sample(key, static_cast<std::uint64_t>(base), point.data(), coords.data());
    drawn = base;
    manifold_->image(point.data(), static_cast<int>((begin + i) % images),
                     points.data() + static_cast<std::size_t>(i) * size);
  }
  return at(points);
}

Batch LearnedForm::at(const std::vector<double>& points) const {
  const std::int64_t size = manifold_->point_size();
  const auto n = static_cast<std::int64_t>(points.size()) / size;
  const std::int64_t width = manifold_->n_features();
  const at::Device device = network_.device();
  const at::Tensor room = g2::staging_room(BatchLayout(n, width).size(), device);
  const Batch batch = BatchLayout(n, width).parts_of(room);
  std::atomic<bool> exact{true};
  at::parallel_for(0, n, 256, [&](std::int64_t begin, std::int64_t end) {
    std::vector<double> derivatives(static_cast<std::size_t>(dim * width));
    auto* features = batch.features.data_ptr<double>();
    for (std::int64_t i = begin; i < end; ++i) {
      const double* point = points.data() + i * size;
      manifold_->features(point, features + i * width, derivatives.data());
      for (int a = 0; a < dim; ++a)
        std::copy_n(derivatives.data() + a * width, width, features + ((1 + a) * n + i) * width);
      manifold_->background(point, batch.background.value.data_ptr<double>() + i * dim * dim,
                            batch.background.derivatives.data_ptr<double>() + i * dim * dim * dim);
      batch.envelope.value.data_ptr<double>()[i] =
          manifold_->envelope(point, batch.envelope.derivatives.data_ptr<double>() + i * dim);
      if (!manifold_->exact_coframe(point, batch.exact.data_ptr<double>() + i * dim * dim)) exact = false;
    }
  });
  Batch there = BatchLayout(n, width).parts_of(g2::to_device(room, device));
  if (!exact || n == 0) there.exact = at::Tensor();
  return there;
}

FormJet LearnedForm::jet(const Batch& batch) const {
  const g2::Jet outputs = network_.forward_jet(batch.features);
  const at::ScalarType type = batch.background.value.scalar_type();
  return form({outputs.value.to(type), outputs.derivatives.to(type)}, batch);
}

FormJet LearnedForm::form(const g2::Jet& outputs, const Batch& batch) const {
  if (spec_.ansatz == Ansatz::components)
    return {corrected(g2::pullback_jet(batch.background), batch.envelope, outputs), {}};
  const g2::Jet x = g2::without_g2(as_matrices(outputs));
  g2::Jet a;
  if (spec_.condition_bound > 0.0) {
    a = g2::bounded_coframe(x, spec_.condition_bound, geometry::Constants::det_g);
  } else {
    a = g2::corrected_coframe(times_constant(batch.background, base_), batch.envelope, x);
    if (spec_.impose_det) a = g2::with_determinant(a, geometry::Constants::det_g);
  }
  return {g2::pullback_jet(a), a};
}

LearnedForm::Values LearnedForm::values(const Batch& batch) const {
  const at::NoGradGuard no_gradient;
  const at::Tensor outputs = network_.forward(batch.features[0]);
  Batch values_only = batch;
  values_only.background = batch.background.value_only();
  values_only.envelope = batch.envelope.value_only();
  const FormJet f = form({outputs, outputs.unsqueeze(1).narrow(1, 0, 0)}, values_only);
  Values v{f.phi.value, {}};
  if (spec_.metric_map == MetricMap::contraction)
    v.g = g2::metric_from_contraction(g2::contraction(v.phi));
  else if (f.coframe.value.defined())
    v.g = g2::products(f.coframe.value.transpose(1, 2), f.coframe.value);
  else
    v.g = g2::metric_from_hitchin(g2::hitchin_form(v.phi));
  const at::Tensor d = scale_.like(v.g);
  v.g = at::matmul(at::matmul(d, v.g), d);
  v.phi = v.phi * scale_of_forms_.like(v.phi);
  return v;
}

}  // namespace k7::model
