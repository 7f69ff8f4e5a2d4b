// SPDX-License-Identifier: Apache-2.0
#include "k7/model/model.hpp"

#include <algorithm>
#include <functional>

#include "io/json_file.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "model/device.hpp"
#include "model/form_report.hpp"
#include "model/learned_form.hpp"
#include "model/model_file.hpp"

namespace k7::model {

namespace {

/// Calls `work` with the points in chunks that keep the layers' activations in the caches.
void for_chunks(const LearnedForm& form, const std::vector<double>& points,
                const std::function<void(const Batch&)>& work) {
  constexpr std::size_t chunk_points = 1024;
  const auto chunk = chunk_points * static_cast<std::size_t>(form.manifold().point_size());
  for (std::size_t begin = 0; begin < points.size(); begin += chunk) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = points.begin() + static_cast<std::ptrdiff_t>(std::min(points.size(), begin + chunk));
    work(form.at({first, last}));
  }
}

void append(const at::Tensor& t, std::vector<double>& out) {
  const at::Tensor host = t.cpu().contiguous();
  out.insert(out.end(), host.data_ptr<double>(), host.data_ptr<double>() + host.numel());
}

}  // namespace

struct Model::State {
  std::string path;
  std::unique_ptr<LearnedForm> form;
};

Model::Model(const std::string& path, const parallel::Communicator& comm, DeviceChoice device)
    : state_(std::make_unique<State>()) {
  state_->path = path;
  const at::Device where = choose_device(comm, device);
  parallel::agree(comm, [&] {
    const StoredModel stored = read_model(path);
    try {
      validate(stored.spec);
      const ModelSpec needed = completed(stored.spec);
      if (needed.network != stored.spec.network)
        throw InputError("holds a network " + stored.spec.network.text() + "; " +
                         name_of(stored.spec.ansatz) + " on " + stored.spec.manifold + " needs " +
                         needed.network.text());
      if (needed != stored.spec)
        throw InputError("attribute impose_det: is 0; with a condition_bound it has to be 1");
      state_->form = std::make_unique<LearnedForm>(stored.spec, where);
    } catch (const InputError& e) {
      throw InputError(path + ": " + e.what());
    }
    state_->form->network().parameters().copy_(
        at::from_blob(const_cast<double*>(stored.parameters.data()),
                      {static_cast<std::int64_t>(stored.parameters.size())}, at::kDouble));
  });
}

Model::~Model() = default;

const std::string& Model::path() const {
  return state_->path;
}

const ModelSpec& Model::spec() const {
  return state_->form->spec();
}

const geometry::Manifold& Model::manifold() const {
  return state_->form->manifold();
}

std::string Model::device() const {
  return state_->form->network().device().is_cuda() ? "cuda" : "cpu";
}

void Model::evaluate(const std::vector<double>& points, std::vector<double>& phi,
                     std::vector<double>& metric) const {
  phi.clear();
  metric.clear();
  for_chunks(*state_->form, points, [&](const Batch& batch) {
    const LearnedForm::Values v = state_->form->values(batch);
    append(v.phi, phi);
    append(v.g, metric);
  });
}

void Model::jet(const std::vector<double>& points, std::vector<double>& phi,
                std::vector<double>& derivatives) const {
  const at::NoGradGuard no_gradient;
  phi.clear();
  derivatives.clear();
  for_chunks(*state_->form, points, [&](const Batch& batch) {
    const FormJet f = state_->form->jet(batch);
    append(f.phi.value, phi);
    append(f.phi.derivatives, derivatives);
  });
  // The form learns in the coframe e^i = s_i times that of the frame, whose vectors are s_i E_i.
  const auto s = manifold().scale();
  const auto& triples = geometry::three_form_indices();
  for (std::size_t i = 0; i < phi.size(); ++i) {
    const auto& [a, b, c] = triples[i % geometry::n_phi];
    phi[i] *= s[a] * s[b] * s[c];
  }
  for (std::size_t i = 0; i < derivatives.size(); ++i) {
    const auto& [a, b, c] = triples[i % geometry::n_phi];
    derivatives[i] *= s[i / geometry::n_phi % geometry::dim] * s[a] * s[b] * s[c];
  }
}

geometry::Structure Model::structure() const {
  const auto s = manifold().scale();
  auto constants = manifold().structure();
  constexpr std::size_t dim = geometry::dim;
  for (std::size_t i = 0; i < constants.size(); ++i)
    constants[i] *= s[i / dim % dim] * s[i % dim] / s[i / (dim * dim)];
  return constants;
}

std::vector<g2::PointField> Model::torsion(const std::vector<double>& points) const {
  std::vector<double> phi;
  std::vector<double> derivatives;
  jet(points, phi, derivatives);
  return g2::torsion_fields(phi, derivatives, structure());
}

nlohmann::ordered_json Model::report(GlobalIndex n_points, std::uint64_t seed,
                                     const parallel::Communicator& comm) const {
  return report_on(*state_->form, n_points, seed, comm);
}

}  // namespace k7::model
