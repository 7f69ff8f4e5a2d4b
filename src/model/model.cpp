// SPDX-License-Identifier: Apache-2.0
#include "k7/model/model.hpp"

#include <algorithm>

#include "io/json_file.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "model/device.hpp"
#include "model/form_report.hpp"
#include "model/learned_form.hpp"
#include "model/model_file.hpp"

namespace k7::model {

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

const geometry::Manifold& Model::manifold() const {
  return state_->form->manifold();
}

std::string Model::device() const {
  return state_->form->network().device().is_cuda() ? "cuda" : "cpu";
}

void Model::evaluate(const std::vector<double>& points, std::vector<double>& phi,
                     std::vector<double>& metric) const {
  constexpr std::size_t chunk_points = 1024;  // keeps the layers' activations in the caches
  const LearnedForm& form = *state_->form;
  const auto chunk = chunk_points * static_cast<std::size_t>(form.manifold().point_size());
  const auto append = [](const at::Tensor& t, std::vector<double>& out) {
    const at::Tensor host = t.cpu().contiguous();
    out.insert(out.end(), host.data_ptr<double>(), host.data_ptr<double>() + host.numel());
  };
  phi.clear();
  metric.clear();
  for (std::size_t begin = 0; begin < points.size(); begin += chunk) {
    const auto first = points.begin() + static_cast<std::ptrdiff_t>(begin);
    const auto last = points.begin() + static_cast<std::ptrdiff_t>(std::min(points.size(), begin + chunk));
    const LearnedForm::Values v = form.values(form.at({first, last}));
    append(v.phi, phi);
    append(v.g, metric);
  }
}

nlohmann::ordered_json Model::report(GlobalIndex n_points, std::uint64_t seed,
                                     const parallel::Communicator& comm) const {
  return report_on(*state_->form, n_points, seed, comm);
}

}  // namespace k7::model
