// SPDX-License-Identifier: Apache-2.0
//
// The symmetric sparse matrices whose smallest eigenvalues are wanted, as PETSc matrices. Needs a Session.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "spectral/graph/symmetric_graph.hpp"

struct _p_Mat;  // NOLINT(bugprone-reserved-identifier): PETSc's own name; its headers stay out of K7's

namespace k7::spectral {

struct MatrixDeleter {
  void operator()(_p_Mat* matrix) const;
};
using MatrixHandle = std::unique_ptr<_p_Mat, MatrixDeleter>;

/// A symmetric matrix A = M^{-1/2} K M^{-1/2} that stands for the generalised problem K f = lambda M f,
/// f = M^{-1/2} x.
struct Laplacian {
  MatrixHandle matrix;
  std::vector<double> root_mass;  ///< (n_local) M_ii^{1/2}
  double mean_degree = 0.0;       ///< edges per point
  double mean_distance_sq =
      0.0;                ///< h^2, the weighted mean of d^2 over all edges, in seven resolved directions
  double mean_cut = 0.0;  ///< mean of -log F over the volume, F as for V_i: 0 without boundary
  double effective_points = 0.0;  ///< (sum_i V_i)^2 / sum_i V_i^2: so many of equal volumes are as noisy
};

/// Where matrices live.
enum class Device { cpu, cuda };

/// The calibrated graph Laplacian: K = D - W with weights w_ij on the edges, M = diag(V_i), V_i the volume that point i
/// stands for, up to a common factor. f^T M f is then a Monte-Carlo sum for the integral of f^2, and f^T K f one for that
/// of |grad f|^2: for points spread evenly with E[v v^T] = (d^2/7) g^{-1} over a neighbourhood, Taylor expansion gives
/// 1/2 sum_j w_ij (f_i - f_j)^2 = E_i |grad f|^2, E_i = sum_j w_ij d^2_ij / 14, so that the eigenvalues carry the
/// scale of the metric without a fitted bandwidth once E_i = V_i (Vaughn, Berry and Antil,
/// arXiv:1912.01391, on weak forms: no term of a boundary is missing in them).
///
/// The weights are w_ij = s_i s_j / J(v_ij), s_i = (V_i / (t_i E_i))^{1/2} with the E_i of s = 1. J is the manifold's
/// volume factor: points that are uniform on a sphere are then uniform in the displacement v as well, to all orders. t_i
/// is 1 where neighbourhoods are whole balls; near a boundary and along thin directions it is the mean square of d along
/// a direction that functions of low energy vary in, over the mean of all seven, see tangential_stretch() and Resolution.
///
/// V_i is 1/p_i where the density p of the points against the Riemannian volume is known, otherwise the volume of the
/// ball of the k nearest points, q_i^{7/2} from their mean square q_i, times the share of it on this side of the boundary.
///
/// f is free at the ends of coordinates that are not periodic (Neumann): K is the quadratic form of
/// |grad f|^2 with nothing prescribed there. Collective.
/// @param k neighbours, one of graph.neighbors
/// @param source name of the input file, for messages
/// @throws CollectiveError (bad input) when all neighbours of a point coincide with it
Laplacian graph_laplacian(const SymmetricGraph& graph, int k, const std::string& source, Device device,
                          const parallel::Communicator& comm);

/// The notebook's weights (section 6.1): w_ij = exp(-d^2_ij / sigma^2_i) to the k nearest neighbours, with
/// d^2 raised to 1e-10 and sigma^2_i = median of the k d^2 + 1e-10.
struct NotebookWeights {
  std::vector<double> sigma_sq;  ///< (n_local)
  std::vector<double> weights;   ///< (n_local, k), in the order of the graph's neighbours
};
NotebookWeights notebook_weights(const KnnGraph& graph);

/// (L + L^T)/2 of the notebook's L = diag(sum_j w_ij) - w, which is not symmetric; M = 1. Collective.
Laplacian notebook_laplacian(const KnnGraph& graph, const NotebookWeights& weights, Device device,
                             const parallel::Communicator& comm);

}  // namespace k7::spectral
