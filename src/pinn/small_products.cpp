// SPDX-License-Identifier: Apache-2.0
#include "pinn/small_products.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <array>
#include <vector>

#include "k7/geometry/conventions.hpp"

namespace k7::pinn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// c = a b with the number of columns known to the compiler.
template <int r, class T>
void multiply_columns(const T* a, const T* b, T* c, std::int64_t p, std::int64_t q) {
  for (std::int64_t i = 0; i < p; ++i) {
    std::array<T, r> row{};
    for (std::int64_t k = 0; k < q; ++k)
      for (int j = 0; j < r; ++j) row[j] += a[i * q + k] * b[k * r + j];
    std::copy(row.begin(), row.end(), c + i * r);
  }
}

template <class T>
inline void multiply_one(const T* a, const T* b, T* c, std::int64_t p, std::int64_t q, std::int64_t r) {
  if (r == geometry::dim) return multiply_columns<geometry::dim>(a, b, c, p, q);
  if (r == geometry::n_two) return multiply_columns<geometry::n_two>(a, b, c, p, q);
  std::fill_n(c, p * r, T(0));
  for (std::int64_t i = 0; i < p; ++i)
    for (std::int64_t k = 0; k < q; ++k)
      for (std::int64_t j = 0; j < r; ++j) c[i * r + j] += a[i * q + k] * b[k * r + j];
}

// Compiled for several instruction sets; the loader picks. (Sanitizers cannot run as early as that.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define K7_FOR_EACH_PROCESSOR \
  __attribute__((target_clones("default", "arch=haswell", "arch=skylake-avx512"), flatten))
#else
#define K7_FOR_EACH_PROCESSOR
#endif

K7_FOR_EACH_PROCESSOR void multiply(const double* a, const double* b, double* c, std::int64_t p,
                                    std::int64_t q, std::int64_t r) {
  multiply_one(a, b, c, p, q, r);
}
K7_FOR_EACH_PROCESSOR void multiply(const float* a, const float* b, float* c, std::int64_t p, std::int64_t q,
                                    std::int64_t r) {
  multiply_one(a, b, c, p, q, r);
}

/// One of many matrices, its entries one behind the other: itself or a copy.
template <class T>
const T* contiguous(const at::Tensor& x, std::int64_t i, std::int64_t j, std::vector<T>& copy) {
  const T* from = x.data_ptr<T>() + i * x.stride(0) + j * x.stride(1);
  const std::int64_t rows = x.size(2);
  const std::int64_t columns = x.size(3);
  if (x.stride(3) == 1 && x.stride(2) == columns) return from;
  copy.resize(static_cast<std::size_t>(rows * columns));
  T* to = copy.data();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column)
      *to++ = from[row * x.stride(2) + column * x.stride(3)];
  return copy.data();
}

template <class T>
void multiply_all(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
  const std::int64_t m = c.size(1);
  const std::int64_t size = c.size(2) * c.size(3);
  at::parallel_for(0, c.size(0) * m, 64, [&](std::int64_t begin, std::int64_t end) {
    std::vector<T> copy_a;
    std::vector<T> copy_b;
    for (std::int64_t i = begin; i < end; ++i)
      multiply(contiguous(a, i / m, i % m, copy_a), contiguous(b, i / m, i % m, copy_b),
               c.data_ptr<T>() + i * size, a.size(2), a.size(3), b.size(3));
  });
}

/// (n, m, p, q), repeated where needed.
at::Tensor with_four_axes(const at::Tensor& x, std::int64_t n, std::int64_t m) {
  return (x.dim() == 3 ? x.unsqueeze(1) : x).expand({n, m, x.size(-2), x.size(-1)});
}

/// The common size of two axes, of which one of size 1 is repeated (0 times too).
std::int64_t common(std::int64_t a, std::int64_t b) {
  return a == 1 ? b : a;
}

at::Tensor multiply_on_cpu(const at::Tensor& a, const at::Tensor& b) {
  const std::int64_t m = common(a.dim() == 4 ? a.size(1) : 1, b.dim() == 4 ? b.size(1) : 1);
  const std::int64_t n = common(a.size(0), b.size(0));
  const at::Tensor c = at::empty({n, m, a.size(-2), b.size(-1)}, a.options());
  if (a.scalar_type() == at::kDouble)
    multiply_all<double>(with_four_axes(a, n, m), with_four_axes(b, n, m), c);
  else
    multiply_all<float>(with_four_axes(a, n, m), with_four_axes(b, n, m), c);
  return a.dim() == 3 && b.dim() == 3 ? c.squeeze(1) : c;
}

class Products : public torch::autograd::Function<Products> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& a, const at::Tensor& b) {
    context->save_for_backward({a, b});
    return multiply_on_cpu(a, b);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& a = saved[0];
    const at::Tensor& b = saved[1];
    const at::Tensor& c = gradients[0];
    variable_list result(2);
    if (a.requires_grad()) result[0] = at::sum_to(multiply_on_cpu(c, b.transpose(-1, -2)), a.sizes());
    if (b.requires_grad()) result[1] = at::sum_to(multiply_on_cpu(a.transpose(-1, -2), c), b.sizes());
    return result;
  }
};

}  // namespace

at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
  return a.is_cpu() ? Products::apply(a, b) : at::matmul(a, b);
}

}  // namespace k7::pinn
