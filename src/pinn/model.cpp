// SPDX-License-Identifier: Apache-2.0
#include "k7/pinn/model.hpp"

#include "k7/error.hpp"
#include "k7/parallel/agree.hpp"
#include "pinn/batched_forms.hpp"
#include "pinn/checkpoint.hpp"
#include "pinn/device.hpp"
#include "pinn/network.hpp"

namespace k7::pinn {

struct Model::State {
  std::unique_ptr<geometry::Manifold> manifold;
  std::unique_ptr<Network> network;
};

Model::Model(const std::string& path, const parallel::Communicator& comm, const std::string& device,
             int threads)
    : state_(std::make_unique<State>()) {
  at::set_num_threads(threads);
  const at::Device where = choose_device(comm, device);
  parallel::agree(comm, [&] {
    const Checkpoint c = read_checkpoint(path);
    if (c.network.inputs != geometry::dim || c.network.outputs != geometry::n_phi ||
        c.metric_map != "contraction")
      throw InputError(path + ": holds a network " + c.network.text() + " with metric map '" + c.metric_map +
                       "'; 7 inputs, 35 outputs and 'contraction' are needed");
    try {
      state_->manifold = geometry::make_manifold(c.manifold);
      state_->network = std::make_unique<Network>(c.network, where);
    } catch (const InputError& e) {
      throw InputError(path + ": " + e.what());
    }
    state_->network->parameters().copy_(at::from_blob(const_cast<double*>(c.parameters.data()),
                                                      {static_cast<std::int64_t>(c.parameters.size())},
                                                      at::kDouble));
  });
}

Model::~Model() = default;

const geometry::Manifold& Model::manifold() const {
  return *state_->manifold;
}

void Model::evaluate(const std::vector<double>& coords, std::vector<double>& phi,
                     std::vector<double>& metric) const {
  const at::NoGradGuard no_gradient;
  const auto n = static_cast<std::int64_t>(coords.size() / geometry::dim);
  const at::Tensor x = at::from_blob(const_cast<double*>(coords.data()), {n, geometry::dim}, at::kDouble);
  const at::Tensor form = state_->network->forward(x.to(state_->network->device()));
  const at::Tensor g = metric_from_contraction(contraction(form));
  const auto copy = [](const at::Tensor& t, std::vector<double>& out) {
    const at::Tensor host = t.cpu().contiguous();
    out.assign(host.data_ptr<double>(), host.data_ptr<double>() + host.numel());
  };
  copy(form, phi);
  copy(g, metric);
}

}  // namespace k7::pinn
