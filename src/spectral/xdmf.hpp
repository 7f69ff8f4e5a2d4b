// SPDX-License-Identifier: Apache-2.0
//
// XDMF beside the HDF5 file of eigenfunctions: what ParaView and VTK need to draw the points.
#pragma once

#include <string>
#include <vector>

#include "k7/geometry/manifold.hpp"
#include "k7/spectral/point_cloud.hpp"

namespace k7::spectral {

/// Where the rows of the input lie: this rank's even share of them, in their order.
struct Places {
  std::vector<double> coords;     ///< (n, 7) the coordinates of a sample file
  std::vector<double> projected;  ///< (n, 3) what is drawn
  std::string projection;         ///< what `projected` is, in words
};

/// On a circle times spheres a solid torus, which closes the circle; elsewhere the first three coordinates.
/// @param cloud as read_points() gives it, before points move to other ranks
Places places_of(const PointCloud& cloud, const geometry::Manifold& manifold);

/// The XDMF file that belongs to an HDF5 file: beside it, .xdmf in place of .h5 or .hdf5.
std::string xdmf_path(const std::string& hdf5_path);

/// Why an XDMF file cannot name this HDF5 file: empty when nothing keeps it from that.
std::string xdmf_obstacle(const std::string& hdf5_path);

/// What stands in the XDMF file.
/// @param hdf5 the HDF5 file as seen from the XDMF file's folder
/// @param n_rows N, of the input
/// @param eigenvalues one for each column of /eigenvectors
std::string xdmf_text(const std::string& hdf5, GlobalIndex n_rows, const std::vector<double>& eigenvalues,
                      const std::string& projection);

}  // namespace k7::spectral
