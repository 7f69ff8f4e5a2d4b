// SPDX-License-Identifier: Apache-2.0
#include "spectral/solve/laplacian.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/graph/cut_ball.hpp"
#include "spectral/solve/petsc.hpp"

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

/// Rows are filled one by one into room that was set aside for them, which only sparse matrices with whole rows have.
/// @throws CollectiveError for another type, as -mat_type may name
void require_sparse_rows(Mat matrix, const parallel::Communicator& comm) {
  MatType name = nullptr;
  petsc_check(MatGetType(matrix, &name), "MatGetType");
  const std::string type = name;
  parallel::agree(comm, [&] {
    if (type.find("aij") == std::string::npos || type.find("sbaij") != std::string::npos)
      throw InputError("-mat_type " + type +
                       ": K7 needs a sparse matrix with whole rows, as aij and its kinds");
  });
}

/// A matrix without entries; types may be changed on PETSc's command line.
MatrixHandle make_matrix(std::size_t n_local, GlobalIndex n_global, Device device,
                         const parallel::Communicator& comm) {
  const PetscInt n = petsc_int(static_cast<GlobalIndex>(n_local), "number of local rows");
  const PetscInt total = petsc_int(n_global, "number of points");
  Mat raw = nullptr;
  petsc_check(MatCreate(comm.handle(), &raw), "MatCreate");
  MatrixHandle matrix(raw);
  petsc_check(MatSetSizes(raw, n, n, total, total), "MatSetSizes");
  petsc_check(MatSetType(raw, device == Device::cuda ? MATAIJCUSPARSE : MATAIJ), "MatSetType");
  petsc_check(MatSetFromOptions(raw), "MatSetFromOptions");
  require_sparse_rows(raw, comm);
  return matrix;
}

MatrixHandle assemble(std::size_t n_local, GlobalIndex n_global, Entries entries, Device device,
                      const parallel::Communicator& comm) {
  MatrixHandle matrix = make_matrix(n_local, n_global, device, comm);
  petsc_check(MatSetPreallocationCOO(matrix.get(), static_cast<PetscCount>(entries.rows.size()),
                                     entries.rows.data(), entries.columns.data()),
              "MatSetPreallocationCOO");
  petsc_check(MatSetValuesCOO(matrix.get(), entries.values.data(), ADD_VALUES), "MatSetValuesCOO");
  petsc_check(MatSetOption(matrix.get(), MAT_SYMMETRIC, PETSC_TRUE), "MatSetOption");
  return matrix;
}

// Points closer than this part of the typical distance (squared) are copies of each other up to rounding.
constexpr double coincident = 1e-24;

/// Weights of the edges of local rows, and what follows from them.
class WeightedGraph {
 public:
  WeightedGraph(const SymmetricGraph& graph, int k, const parallel::Communicator& comm)
      : graph_(graph),
        level_(graph.level_of(k)),
        exchange_(graph, comm),
        scale_(graph.n_local() + graph.ghost_rows.size(), 1.0) {}

  /// Weights become w_ij s_i s_j. @param scale (n_local) s
  void set_scale(std::vector<double> scale) {
    scale_ = std::move(scale);
    exchange_.append_ghosts(scale_);
  }

  /// Calls visit(edge, weight) for the edges of row i.
  template <class F>
  void for_each_edge(std::size_t i, const F& visit) const {
    for (std::size_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e) {
      if (graph_.levels[e] > level_) continue;
      const double factor = graph_.volume_factors.empty() ? 1.0 : bounded_factor(graph_.volume_factors[e]);
      visit(e, scale_[i] * scale_[graph_.places[e]] / factor);
    }
  }

  /// A matrix with room for the diagonal and the edges of each row. Collective.
  MatrixHandle make_matrix(Device device, const parallel::Communicator& comm) const {
    std::vector<PetscInt> own(graph_.n_local(), 1);
    std::vector<PetscInt> others(graph_.n_local(), 0);
    for (std::size_t i = 0; i < own.size(); ++i)
      for (std::size_t e = graph_.offsets[i]; e < graph_.offsets[i + 1]; ++e)
        if (graph_.levels[e] <= level_) ++(graph_.places[e] < graph_.n_local() ? own : others)[i];
    MatrixHandle matrix = spectral::make_matrix(graph_.n_local(), graph_.n_global, device, comm);
    petsc_check(MatXAIJSetPreallocation(matrix.get(), 1, own.data(), others.data(), nullptr, nullptr),
                "MatXAIJSetPreallocation");
    petsc_check(MatSetOption(matrix.get(), MAT_NO_OFF_PROC_ENTRIES, PETSC_TRUE), "MatSetOption");
    return matrix;
  }

  /// sum_j w_ij d^2_ij / 14.
  std::vector<double> masses() const {
    std::vector<double> mass(graph_.n_local(), 0.0);
    for (std::size_t i = 0; i < mass.size(); ++i) {
      for_each_edge(i, [&](std::size_t e, double w) { mass[i] += w * graph_.distance_sq[e]; });
      mass[i] /= 2.0 * geometry::dim;
    }
    return mass;
  }

  /// Mean d^2 of the k nearest points of row i.
  double mean_square(std::size_t i) const {
    return graph_.mean_squares[i * graph_.neighbors.size() + level_];
  }

  /// See Resolution.
  double stretch() const { return graph_.resolutions.empty() ? 1.0 : graph_.resolutions[level_].stretch; }

  const GhostExchange& exchange() const { return exchange_; }

 private:
  const SymmetricGraph& graph_;
  std::uint8_t level_;
  GhostExchange exchange_;
  std::vector<double> scale_;  // (n_local + ghosts)
};

/// Requires that the neighbours of every point are somewhere else than the point. @param squares a sum or mean of d^2 of
/// each row @throws CollectiveError naming the first row where it is zero, or as good as
void require_apart(const std::vector<double>& squares, const SymmetricGraph& graph, const std::string& source,
                   const parallel::Communicator& comm) {
  double sum = 0.0;
  for (const double square : squares) sum += square;
  const double smallest = coincident * comm.sum(sum) / static_cast<double>(graph.n_global);
  parallel::agree(comm, [&] {
    for (std::size_t i = 0; i < squares.size(); ++i)
      if (!(squares[i] > smallest))
        throw InputError(
            source + ", row " + std::to_string(graph.ids[i]) +
            ": all neighbours of this point coincide with it; remove duplicate points or raise -k");
  });
}

/// What of each neighbourhood is on this side of the boundary, as the distance of a plane in radii; empty without
/// boundary. The mean square of d in a ball is 7/9 of the squared radius.
std::vector<double> planes(const SymmetricGraph& graph, const WeightedGraph& weighted) {
  std::vector<double> result(graph.boundary.size(), 1.0);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const double radius = std::sqrt((geometry::dim + 2.0) / geometry::dim * weighted.mean_square(i));
    if (radius > 0.0) result[i] = std::clamp(graph.boundary[i] / radius, least_plane_distance, 1.0);
  }
  return result;
}

/// The volume 1/p_i that each point stands for, up to a common factor that makes them near 1: from the known density,
/// or from the ball of its neighbours, of which the share F is on this side of the boundary. Collective.
std::vector<double> point_volumes(const SymmetricGraph& graph, const WeightedGraph& weighted,
                                  const std::vector<double>& planes, const parallel::Communicator& comm) {
  std::vector<double> log_volumes(graph.n_local());
  double sum = 0.0;
  for (std::size_t i = 0; i < log_volumes.size(); ++i) {
    log_volumes[i] = graph.densities.empty()
                         ? 0.5 * geometry::dim / weighted.stretch() * std::log(weighted.mean_square(i))
                         : -std::log(graph.densities[i]);
    if (graph.densities.empty() && !planes.empty()) log_volumes[i] += std::log(kept_share(planes[i]));
    sum += log_volumes[i];
  }
  const double mean = comm.sum(sum) / static_cast<double>(graph.n_global);
  for (double& volume : log_volumes) volume = std::exp(volume - mean);
  return log_volumes;
}

/// Sums over all points.
struct Volumes {
  double volume;
  double squares;
  double cut;  ///< of volume times -log F, see point_volumes
};

/// Collective.
Volumes sum_up(const std::vector<double>& volumes, const std::vector<double>& planes,
               const parallel::Communicator& comm) {
  std::array<double, 3> sums{};
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    sums[0] += volumes[i];
    sums[1] += volumes[i] * volumes[i];
    if (!planes.empty()) sums[2] -= volumes[i] * std::log(kept_share(planes[i]));
  }
  comm.sum(sums.data(), sums.size());
  return {sums[0], sums[1], sums[2]};
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

Laplacian graph_laplacian(const SymmetricGraph& graph, int k, const std::string& source, Device device,
                          const parallel::Communicator& comm) {
  WeightedGraph weighted(graph, k, comm);
  const auto energies = weighted.masses();
  require_apart(energies, graph, source, comm);
  std::vector<double> nearest(graph.n_local());
  for (std::size_t i = 0; i < nearest.size(); ++i) nearest[i] = weighted.mean_square(i);
  require_apart(nearest, graph, source, comm);
  const auto cuts = planes(graph, weighted);
  const auto volumes = point_volumes(graph, weighted, cuts, comm);
  std::vector<double> scale(graph.n_local());
  Laplacian result;
  for (std::size_t i = 0; i < scale.size(); ++i) {
    const double stretch = weighted.stretch() * (cuts.empty() ? 1.0 : tangential_stretch(cuts[i]));
    scale[i] = std::sqrt(volumes[i] / (stretch * energies[i]));
    result.root_mass.push_back(std::sqrt(volumes[i]));
  }
  weighted.set_scale(std::move(scale));
  std::vector<double> root_mass = result.root_mass;
  weighted.exchange().append_ghosts(root_mass);
  result.matrix = weighted.make_matrix(device, comm);
  std::vector<PetscInt> columns;
  std::vector<PetscScalar> values;
  double weight_sum = 0.0;
  double edge_count = 0.0;
  double square_sum = 0.0;
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const GlobalIndex row = graph.row_begin + static_cast<GlobalIndex>(i);
    double degree = 0.0;
    columns.assign(1, static_cast<PetscInt>(row));
    values.assign(1, 0.0);
    weighted.for_each_edge(i, [&](std::size_t e, double w) {
      const std::uint32_t place = graph.places[e];
      columns.push_back(static_cast<PetscInt>(graph.row_of(place)));
      values.push_back(-w / (root_mass[i] * root_mass[place]));
      degree += w;
      edge_count += 1.0;
      square_sum += w * graph.distance_sq[e];
    });
    values.front() = degree / (root_mass[i] * root_mass[i]);
    petsc_check(MatSetValues(result.matrix.get(), 1, columns.data(), static_cast<PetscInt>(columns.size()),
                             columns.data(), values.data(), INSERT_VALUES),
                "MatSetValues");
    weight_sum += degree;
  }
  result.mean_degree = comm.sum(edge_count) / static_cast<double>(graph.n_global);
  result.mean_distance_sq = weighted.stretch() * comm.sum(square_sum) / comm.sum(weight_sum);
  const Volumes total = sum_up(volumes, cuts, comm);
  result.mean_cut = total.cut / total.volume;
  result.effective_points = total.volume * total.volume / total.squares;
  petsc_check(MatAssemblyBegin(result.matrix.get(), MAT_FINAL_ASSEMBLY), "MatAssemblyBegin");
  petsc_check(MatAssemblyEnd(result.matrix.get(), MAT_FINAL_ASSEMBLY), "MatAssemblyEnd");
  petsc_check(MatSetOption(result.matrix.get(), MAT_SYMMETRIC, PETSC_TRUE), "MatSetOption");
  return result;
}

NotebookWeights notebook_weights(const KnnGraph& graph) {
  NotebookWeights result;
  result.sigma_sq.resize(graph.n_local());
  result.weights.resize(graph.places.size());
  const auto k = static_cast<std::size_t>(graph.k);
  std::vector<double> distances(k);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const auto clamped = [&](std::size_t m) { return std::max(graph.neighbor(i, m).distance_sq, 1e-10); };
    for (std::size_t m = 0; m < k; ++m) distances[m] = clamped(m);
    result.sigma_sq[i] = median(distances) + 1e-10;
    for (std::size_t m = 0; m < k; ++m)
      result.weights[i * k + m] = std::exp(-clamped(m) / result.sigma_sq[i]);
  }
  return result;
}

Laplacian notebook_laplacian(const KnnGraph& graph, const NotebookWeights& weights, Device device,
                             const parallel::Communicator& comm) {
  Entries entries(2 * graph.places.size() + graph.n_local());
  const auto k = static_cast<std::size_t>(graph.k);
  for (std::size_t i = 0; i < graph.n_local(); ++i) {
    const GlobalIndex row = graph.row_begin + static_cast<GlobalIndex>(i);
    double sum = 0.0;
    for (std::size_t m = 0; m < k; ++m) {
      const double w = weights.weights[i * k + m];
      const GlobalIndex column = graph.neighbor(i, m).row;
      entries.add(row, column, -0.5 * w);
      entries.add(column, row, -0.5 * w);
      sum += w;
    }
    entries.add(row, row, sum);
  }
  return {assemble(graph.n_local(), graph.n_global, std::move(entries), device, comm),
          std::vector<double>(graph.n_local(), 1.0), 0.0, 0.0};
}

}  // namespace k7::spectral
