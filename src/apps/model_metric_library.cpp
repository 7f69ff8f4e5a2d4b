// SPDX-License-Identifier: Apache-2.0
// The library that k7_spectral loads for --model, see model_metric.hpp.
#include "apps/model_metric.hpp"
#include "k7/model/model.hpp"
#include "k7/model/threads.hpp"

namespace {

class TrainedMetric final : public k7::apps::ModelMetric {
 public:
  TrainedMetric(const k7::apps::ModelRequest& request, const k7::parallel::Communicator& comm)
      : model_(request.path, comm, request.device) {}

  const k7::geometry::Manifold& manifold() const override { return model_.manifold(); }

  std::vector<double> at(const std::vector<double>& points) const override {
    std::vector<double> phi;
    std::vector<double> metric;
    model_.evaluate(points, phi, metric);
    return metric;
  }

 private:
  k7::model::Model model_;
};

}  // namespace

extern "C" __attribute__((visibility("default"))) k7::apps::ModelMetric* k7_make_model_metric(
    const k7::apps::ModelRequest& request, const k7::parallel::Communicator& comm) {
  k7::model::use_threads(request.threads);
  return new TrainedMetric(request, comm);
}
