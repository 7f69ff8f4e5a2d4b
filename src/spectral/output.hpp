// SPDX-License-Identifier: Apache-2.0
//
// HDF5 results in the row order of the input file, written in parallel and atomically.
#pragma once

#include <string>

#include "spectral/knn/knn_graph.hpp"
#include "spectral/solve/eigensolver.hpp"
#include "spectral/xdmf.hpp"

namespace k7::spectral {

/// /neighbors (N, k) int64, input rows, and /distance_sq (N, k) float64, of the k nearest of graph.k
/// neighbours; -1 and NaN in rows of points that were left out. Collective.
void write_graph(const std::string& path, const KnnGraph& graph, int k, const parallel::Communicator& comm);

/// Bytes of the numbers that write_eigenvectors() writes.
std::uint64_t eigenvector_bytes(GlobalIndex n_rows, std::size_t n_functions);

/// /eigenvectors (N, n) float64, the functions f with f^T M f = 1, and /eigenvalues (n); NaN in rows of
/// points that were left out. /coords (N, 7) and /projection (N, 3) say where the rows are. Collective.
/// @param ids (n_local) input rows
/// @param n_rows N, of the input
void write_eigenvectors(const std::string& path, const EigenPairs& pairs, const std::vector<GlobalIndex>& ids,
                        GlobalIndex n_rows, const Places& places, const parallel::Communicator& comm);

}  // namespace k7::spectral
