// SPDX-License-Identifier: Apache-2.0
#include "g2/small_products.hpp"

#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cstring>

#include "g2/device_path.hpp"
#include "k7/geometry/conventions.hpp"

namespace k7::g2 {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// A matrix whose entries lie anywhere.
template <class T>
struct Matrix {
  const T* data;
  std::int64_t rows, columns, row_stride, column_stride;

  T operator()(std::int64_t i, std::int64_t j) const { return data[i * row_stride + j * column_stride]; }
};

/// Matrix (i, j) of x: (n, m, p, q).
template <class T>
Matrix<T> matrix(const at::Tensor& x, std::int64_t i, std::int64_t j) {
  return {x.data_ptr<T>() + i * x.stride(0) + j * x.stride(1), x.size(2), x.size(3), x.stride(2),
          x.stride(3)};
}

/// Four numbers that are computed with at once.
template <class T>
struct Four {
  typedef T Type __attribute__((vector_size(4 * sizeof(T))));
};

constexpr int dim = geometry::dim;
constexpr int most_entries = dim * dim * dim;

/// c = a b, the rows of b without gaps. A row of c stays in registers: at columns 0, 4, ... and, where their
/// number is no multiple of four, at the last four, some of them twice.
template <int columns, class T>
inline void multiply_columns(const Matrix<T>& a, const Matrix<T>& b, T* c) {
  constexpr int n = (columns + 3) / 4;
  constexpr auto column = [](int r) { return std::min(4 * r, columns - 4); };
  for (std::int64_t i = 0; i < a.rows; ++i) {
    typename Four<T>::Type row[n] = {};
    for (std::int64_t k = 0; k < b.rows; ++k) {
      const T x = a(i, k);
#pragma GCC unroll 16
      for (int r = 0; r < n; ++r) {
        typename Four<T>::Type y;
        std::memcpy(&y, b.data + k * b.row_stride + column(r), sizeof(y));
        row[r] += x * y;
      }
    }
#pragma GCC unroll 16
    for (int r = 0; r < n; ++r) std::memcpy(c + i * columns + column(r), &row[r], sizeof(row[r]));
  }
}

/// The same matrix with its rows one behind the other.
template <class T>
inline Matrix<T> with_rows(const Matrix<T>& b, T* space) {
  for (std::int64_t k = 0; k < b.rows; ++k)
    for (std::int64_t j = 0; j < b.columns; ++j) space[k * b.columns + j] = b(k, j);
  return {space, b.rows, b.columns, b.columns, 1};
}

template <class T>
inline void multiply_one(const Matrix<T>& a, const Matrix<T>& b, T* c) {
  T space[most_entries];
  if (b.column_stride == 1 || b.rows * b.columns <= most_entries) {
    const Matrix<T> rows = b.column_stride == 1 ? b : with_rows(b, space);
    if (b.columns == dim) return multiply_columns<dim>(a, rows, c);
    if (b.columns == geometry::n_two) return multiply_columns<geometry::n_two>(a, rows, c);
    if (b.columns == dim * dim) return multiply_columns<dim * dim>(a, rows, c);
  }
  std::fill_n(c, a.rows * b.columns, T(0));
  for (std::int64_t i = 0; i < a.rows; ++i)
    for (std::int64_t k = 0; k < b.rows; ++k)
      for (std::int64_t j = 0; j < b.columns; ++j) c[i * b.columns + j] += a(i, k) * b(k, j);
}

// Compiled for several instruction sets; the loader picks. (Sanitizers cannot run as early as that.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__)
#define K7_FOR_EACH_PROCESSOR \
  __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4"), flatten))
#else
#define K7_FOR_EACH_PROCESSOR
#endif

K7_FOR_EACH_PROCESSOR void multiply(const Matrix<double>& a, const Matrix<double>& b, double* c) {
  multiply_one(a, b, c);
}
K7_FOR_EACH_PROCESSOR void multiply(const Matrix<float>& a, const Matrix<float>& b, float* c) {
  multiply_one(a, b, c);
}

template <class T>
void multiply_all(const at::Tensor& a, const at::Tensor& b, const at::Tensor& c) {
  const std::int64_t m = c.size(1);
  const std::int64_t size = c.size(2) * c.size(3);
  at::parallel_for(0, c.size(0) * m, 64, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      multiply(matrix<T>(a, i / m, i % m), matrix<T>(b, i / m, i % m), c.data_ptr<T>() + i * size);
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

/// As LibTorch multiplies, but without copies of a matrix that all of the second axis share: their rows are one
/// tall matrix.
at::Tensor multiply_on_device(const at::Tensor& a, const at::Tensor& b) {
  const bool shares_b = a.dim() == 4 && a.size(1) > 1 && (b.dim() == 3 || b.size(1) == 1);
  const bool same_points = b.size(0) == a.size(0);
  if (!shares_b || !same_points) return at::matmul(a, b);
  const at::Tensor tall = a.reshape({a.size(0), a.size(1) * a.size(2), a.size(3)});
  return at::bmm(tall, b.dim() == 4 ? b.squeeze(1) : b).view({a.size(0), a.size(1), a.size(2), b.size(-1)});
}

}  // namespace

at::Tensor products(const at::Tensor& a, const at::Tensor& b) {
  return takes_device_path(a.device()) ? multiply_on_device(a, b) : Products::apply(a, b);
}

}  // namespace k7::g2
