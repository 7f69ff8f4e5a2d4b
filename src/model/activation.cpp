// SPDX-License-Identifier: Apache-2.0
#include "model/activation.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "g2/device_path.hpp"
#include "k7/geometry/conventions.hpp"

namespace k7::model {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// sigma, sigma' and sigma'' at x, of which each pass needs two.
struct Derivatives {
  at::Tensor value;  ///< forwards only
  at::Tensor first;
  at::Tensor second;  ///< backwards only
};
enum class Pass { forwards, backwards };

Derivatives derivatives(Activation activation, const at::Tensor& x, Pass pass) {
  const bool forwards = pass == Pass::forwards;
  Derivatives d;
  if (activation == Activation::silu) {
    const at::Tensor s = at::sigmoid(x);
    const at::Tensor ds = s * at::rsub(s, 1.0);
    d.first = at::addcmul(s, x, ds);
    (forwards ? d.value : d.second) = forwards ? x * s : ds * (2.0 + x * at::rsub(2.0 * s, 1.0));
  } else if (activation == Activation::tanh) {
    const at::Tensor t = at::tanh(x);
    d.first = at::rsub(t * t, 1.0);
    (forwards ? d.value : d.second) = forwards ? t : -2.0 * t * d.first;
  } else if (activation == Activation::sine) {
    const at::Tensor s = at::sin(x);
    d.first = at::cos(x);
    (forwards ? d.value : d.second) = forwards ? s : -s;
  } else {
    const at::Tensor density = at::exp(-0.5 * x * x) * (1.0 / std::sqrt(2.0 * geometry::pi));
    const at::Tensor cumulative = 0.5 * (1.0 + at::erf(x * std::sqrt(0.5)));
    d.first = cumulative + x * density;
    (forwards ? d.value : d.second) = forwards ? x * cumulative : density * at::rsub(x * x, 2.0);
  }
  return d;
}

/// The reverse pass in one sweep over memory: z, gradients, out (8, n, width), values first, then tangents.
template <class T>
void pull_back(const Derivatives& d, const at::Tensor& z, const at::Tensor& gradients,
               const at::Tensor& out) {
  constexpr std::int64_t block = 512;  // numbers of first, second and inner that stay in the first cache
  const std::int64_t size = z[0].numel();
  const T* first = d.first.data_ptr<T>();
  const T* second = d.second.data_ptr<T>();
  at::parallel_for(0, (size + block - 1) / block, 16, [&](std::int64_t begin, std::int64_t end) {
    std::array<T, block> inner{};
    for (std::int64_t b = begin; b < end; ++b) {
      const std::int64_t offset = b * block;
      const std::int64_t n = std::min(block, size - offset);
      inner.fill(T(0));
      for (int a = 1; a <= geometry::dim; ++a) {
        const T* tangent = z.data_ptr<T>() + a * size + offset;
        const T* gradient = gradients.data_ptr<T>() + a * size + offset;
        T* to = out.data_ptr<T>() + a * size + offset;
        for (std::int64_t i = 0; i < n; ++i) {
          to[i] = gradient[i] * first[offset + i];
          inner[static_cast<std::size_t>(i)] += gradient[i] * tangent[i];
        }
      }
      const T* gradient = gradients.data_ptr<T>() + offset;
      T* to = out.data_ptr<T>() + offset;
      for (std::int64_t i = 0; i < n; ++i)
        to[i] = gradient[i] * first[offset + i] + inner[static_cast<std::size_t>(i)] * second[offset + i];
    }
  });
}

class ActivateJet : public torch::autograd::Function<ActivateJet> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& z, const at::Tensor& bias,
                            std::int64_t activation) {
    context->save_for_backward({z, bias});
    context->saved_data["activation"] = activation;
    const Derivatives d = derivatives(static_cast<Activation>(activation), z[0] + bias, Pass::forwards);
    at::Tensor y = at::empty_like(z);
    y[0].copy_(d.value);
    at::Tensor tangents = y.narrow(0, 1, geometry::dim);
    at::mul_out(tangents, z.narrow(0, 1, geometry::dim), d.first);
    return y;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& z = saved[0];
    const auto activation = static_cast<Activation>(context->saved_data["activation"].toInt());
    const Derivatives d = derivatives(activation, z[0] + saved[1], Pass::backwards);
    const at::Tensor& g = gradients[0];
    const at::Tensor tangents = z.narrow(0, 1, geometry::dim);
    const at::Tensor g_tangents = g.narrow(0, 1, geometry::dim);
    at::Tensor out = at::empty_like(z);
    const bool on_host = !g2::takes_device_path(z.device()) && g.is_contiguous();
    if (on_host && z.scalar_type() == at::kDouble) {
      pull_back<double>(d, z, g, out);
    } else if (on_host && z.scalar_type() == at::kFloat) {
      pull_back<float>(d, z, g, out);
    } else {
      at::Tensor out_tangents = out.narrow(0, 1, geometry::dim);
      at::mul_out(out_tangents, g_tangents, d.first);
      const at::Tensor inner = (g_tangents * tangents).sum(0);
      at::Tensor out_values = out[0];
      at::addcmul_out(out_values, g[0] * d.first, inner, d.second);
    }
    return {out, out[0].sum(0), at::Tensor()};
  }
};

}  // namespace

at::Tensor activate(Activation activation, const at::Tensor& x) {
  if (activation == Activation::silu) return at::silu(x);
  if (activation == Activation::tanh) return at::tanh(x);
  if (activation == Activation::sine) return at::sin(x);
  return at::gelu(x);
}

at::Tensor activate_jet(Activation activation, const at::Tensor& z, const at::Tensor& bias) {
  return ActivateJet::apply(z, bias, static_cast<std::int64_t>(activation));
}

}  // namespace k7::model
