// SPDX-License-Identifier: Apache-2.0
//
// Results in the row order of the input; HDF5 is written in parallel and atomically.
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

/// The eigenfunctions f with f^T M f = 1 at input rows, (rows.count(), values.size()); NaN in rows of points that were
/// left out. Needs SpectrumOptions::keep_functions and a method that has graphs. Collective.
/// @param rows of this rank; together all rows of the input, in the order of the ranks
std::vector<double> functions_at(const SpectrumReport& report, const parallel::RowRange& rows,
                                 const parallel::Communicator& comm);

/// The whole of spectral.json. Collective.
/// @param program that computed it, with `threads` on each rank
/// @param given all options by their names on the command line
nlohmann::ordered_json results_json(const SpectrumReport& report, const std::string& program, int threads,
                                    const nlohmann::ordered_json& given, const parallel::Communicator& comm);

}  // namespace k7::spectral
