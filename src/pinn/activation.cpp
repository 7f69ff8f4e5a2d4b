// SPDX-License-Identifier: Apache-2.0
#include "pinn/activation.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <cmath>

#include "k7/geometry/conventions.hpp"

namespace k7::pinn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// sigma, sigma' and sigma'' at x.
struct Derivatives {
  at::Tensor value, first, second;
};

Derivatives derivatives(const std::string& name, const at::Tensor& x) {
  if (name == "silu") {
    const at::Tensor s = at::sigmoid(x);
    const at::Tensor ds = s * (1.0 - s);
    return {x * s, at::addcmul(s, x, ds), ds * (2.0 + x * (1.0 - 2.0 * s))};
  }
  if (name == "tanh") {
    const at::Tensor t = at::tanh(x);
    const at::Tensor first = 1.0 - t * t;
    return {t, first, -2.0 * t * first};
  }
  if (name == "sine") {
    const at::Tensor s = at::sin(x);
    return {s, at::cos(x), -s};
  }
  const at::Tensor density = at::exp(-0.5 * x * x) * (1.0 / std::sqrt(2.0 * geometry::pi));
  const at::Tensor cumulative = 0.5 * (1.0 + at::erf(x * std::sqrt(0.5)));
  return {x * cumulative, cumulative + x * density, density * (2.0 - x * x)};
}

class ActivateJet : public torch::autograd::Function<ActivateJet> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& z, const at::Tensor& bias,
                            const std::string& name) {
    context->save_for_backward({z, bias});
    context->saved_data["name"] = name;
    const Derivatives d = derivatives(name, z[0] + bias);
    at::Tensor y = at::empty_like(z);
    y[0].copy_(d.value);
    at::Tensor tangents = y.narrow(0, 1, geometry::dim);
    at::mul_out(tangents, z.narrow(0, 1, geometry::dim), d.first);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& z = saved[0];
    const Derivatives d = derivatives(context->saved_data["name"].toStringRef(), z[0] + saved[1]);
    const at::Tensor& g = gradients[0];
    const at::Tensor tangents = z.narrow(0, 1, geometry::dim);
    const at::Tensor g_tangents = g.narrow(0, 1, geometry::dim);
    at::Tensor out = at::empty_like(z);
    at::Tensor out_tangents = out.narrow(0, 1, geometry::dim);
    at::mul_out(out_tangents, g_tangents, d.first);
    at::Tensor inner = g_tangents[0] * tangents[0];
    for (int a = 1; a < geometry::dim; ++a) inner.addcmul_(g_tangents[a], tangents[a]);
    out[0].copy_(at::addcmul(g[0] * d.first, inner, d.second));
    return {out, out[0].sum(0), at::Tensor()};
  }
};

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names{"silu", "tanh", "gelu", "sine"};
  return names;
}

at::Tensor activate(const std::string& name, const at::Tensor& x) {
  if (name == "silu") return at::silu(x);
  if (name == "tanh") return at::tanh(x);
  if (name == "sine") return at::sin(x);
  return at::gelu(x);
}

at::Tensor activate_jet(const std::string& name, const at::Tensor& z, const at::Tensor& bias) {
  return ActivateJet::apply(z, bias, name);
}

}  // namespace k7::pinn
