// SPDX-License-Identifier: Apache-2.0
#include "k7/spectral/laplacian.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "k7/error.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/petsc.hpp"

namespace k7::spectral {
namespace {

/// Matrix entries in any order; equal positions add up. Rows may belong to other ranks.
struct Entries {
  std::vector<PetscInt> rows;
  std::vector<PetscInt> columns;
  std::vector<PetscScalar> values;

  explicit Entries(std::size_t n) {
    rows.reserve(n);
    columns.reserve(n);
    values.reserve(n);
  }
  void add(GlobalIndex row, GlobalIndex column, double value) {
    rows.push_back(static_cast<PetscInt>(row));
    columns.push_back(static_cast<PetscInt>(column));
    values.push_back(value);
  }
};

MatrixHandle assemble(std::size_t n_local, GlobalIndex n_global, Entries entries, Device device) {
  const PetscInt n = petsc_int(static_cast<GlobalIndex>(n_local), "number of local rows");
  const PetscInt total = petsc_int(n_global, "number of points");
  Mat raw = nullptr;
  petsc_check(MatCreate(PETSC_COMM_WORLD, &raw), "MatCreate");
  MatrixHandle matrix(raw);
  petsc_check(MatSetSizes(raw, n, n, total, total), "MatSetSizes");
  petsc_check(MatSetType(raw, device == Device::cuda ? MATAIJCUSPARSE : MATAIJ), "MatSetType");
  petsc_check(MatSetFromOptions(raw), "MatSetFromOptions");
  petsc_check(MatSetPreallocationCOO(raw, static_cast<PetscCount>(entries.rows.size()), entries.rows.data(),
                                     entries.columns.data()),
              "MatSetPreallocationCOO");
  petsc_check(MatSetValuesCOO(raw, entries.values.data(), ADD_VALUES), "MatSetValuesCOO");
  petsc_check(MatSetOption(raw, MAT_SYMMETRIC, PETSC_TRUE), "MatSetOption");
  return matrix;
}

// Points closer than this part of the typical distance (squared) are copies of each other up to rounding.
constexpr double coincident = 1e-24;

/// M_ii = sum_j d^2_ij / 14.
std::vector<double> masses(const SymmetricGraph& graph, const std::string& source,
                           const parallel::Communicator& comm) {
  std::vector<double> mass(graph.n_local(), 0.0);
  double sum = 0.0;
  for (std::size_t i = 0; i < mass.size(); ++i) {
    for (std::size_t x = graph.offsets[i]; x < graph.offsets[i + 1]; ++x) mass[i] += graph.distance_sq[x];
    mass[i] /= 2.0 * geometry::dim;
    sum += mass[i];
  }
  const double smallest = coincident * comm.sum(sum) / static_cast<double>(graph.n_global);
  parallel::agree(comm, [&] {
    for (std::size_t i = 0; i < mass.size(); ++i)
      if (!(mass[i] > smallest))
        throw InputError(
            source + ", row " + std::to_string(graph.ids[i]) +
            ": all neighbours of this point coincide with it; remove duplicate points or raise -k");
  });
  return mass;
}

/// A <- diag(scale) A diag(scale).
void scale_both_sides(Mat matrix, const std::vector<double>& scale) {
  Vec raw = nullptr;
  petsc_check(MatCreateVecs(matrix, &raw, nullptr), "MatCreateVecs");
  const VecHandle vector(raw);
  PetscScalar* values = nullptr;
  petsc_check(VecGetArrayWrite(raw, &values), "VecGetArrayWrite");
  std::copy(scale.begin(), scale.end(), values);
  petsc_check(VecRestoreArrayWrite(raw, &values), "VecRestoreArrayWrite");
  petsc_check(MatDiagonalScale(matrix, raw, raw), "MatDiagonalScale");
}

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return 0.5 * (*std::max_element(values.begin(), middle) + *middle);
}

}  // namespace

void MatrixDeleter::operator()(_p_Mat* matrix) const {
  MatDestroy(&matrix);
}

Laplacian graph_laplacian(const SymmetricGraph& graph, const std::string& source, Device device,
                          const parallel::Communicator& comm) {
  Laplacian result;
  result.root_mass = masses(graph, source, comm);
  std::vector<double> scale(graph.n_local());
  for (std::size_t i = 0; i < scale.size(); ++i) {
    result.root_mass[i] = std::sqrt(result.root_mass[i]);
    scale[i] = 1.0 / result.root_mass[i];
  }
  Entries entries(graph.columns.size() + graph.n_local());
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const GlobalIndex row = graph.row_begin + static_cast<GlobalIndex>(i);
    entries.add(row, row, static_cast<double>(graph.offsets[i + 1] - graph.offsets[i]));
    for (std::size_t x = graph.offsets[i]; x < graph.offsets[i + 1]; ++x)
      entries.add(row, graph.columns[x], -1.0);
  }
  result.matrix = assemble(graph.n_local(), graph.n_global, std::move(entries), device);
  scale_both_sides(result.matrix.get(), scale);
  return result;
}

NotebookWeights notebook_weights(const KnnGraph& graph) {
  NotebookWeights result;
  result.sigma_sq.resize(graph.n_local());
  result.weights.resize(graph.neighbors.size());
  const auto k = static_cast<std::size_t>(graph.k);
  std::vector<double> distances(k);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const auto clamped = [&](std::size_t m) { return std::max(graph.row(i)[m].distance_sq, 1e-10); };
    for (std::size_t m = 0; m < k; ++m) distances[m] = clamped(m);
    result.sigma_sq[i] = median(distances) + 1e-10;
    for (std::size_t m = 0; m < k; ++m)
      result.weights[i * k + m] = std::exp(-clamped(m) / result.sigma_sq[i]);
  }
  return result;
}

Laplacian notebook_laplacian(const KnnGraph& graph, const NotebookWeights& weights, Device device,
                             const parallel::Communicator&) {
  Entries entries(2 * graph.neighbors.size() + graph.n_local());
  const auto k = static_cast<std::size_t>(graph.k);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const GlobalIndex row = graph.row_begin + static_cast<GlobalIndex>(i);
    double sum = 0.0;
    for (std::size_t m = 0; m < k; ++m) {
      const double w = weights.weights[i * k + m];
      const GlobalIndex column = graph.row(i)[m].row;
      entries.add(row, column, -0.5 * w);
      entries.add(column, row, -0.5 * w);
      sum += w;
    }
    entries.add(row, row, sum);
  }
  return {assemble(graph.n_local(), graph.n_global, std::move(entries), device),
          std::vector<double>(graph.n_local(), 1.0)};
}

}  // namespace k7::spectral
