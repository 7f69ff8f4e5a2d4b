// SPDX-License-Identifier: Apache-2.0
#include "spectral/xdmf.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <climits>
#include <cmath>
#include <filesystem>

#include "base/quote.hpp"

namespace k7::spectral {
namespace {

using geometry::dim;

/// Text between tags or in an attribute.
std::string in_xml(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

/// A whole dataset of float64.
std::string data_item(const std::string& hdf5, const std::string& dataset, GlobalIndex n_rows,
                      std::size_t width) {
  return fmt::format(
      R"(<DataItem Format="HDF" NumberType="Float" Precision="8" Dimensions="{} {}">{}:{}</DataItem>)",
      n_rows, width, in_xml(hdf5), dataset);
}

/// One column of a dataset as a number at every point.
/// @param information a further element, or nothing
std::string attribute(const std::string& name, std::size_t column, GlobalIndex n_rows,
                      const std::string& whole, const std::string& information) {
  return fmt::format(R"(      <Attribute Name="{}" AttributeType="Scalar" Center="Node">{}
        <DataItem ItemType="HyperSlab" Dimensions="{} 1">
          <DataItem Format="XML" NumberType="Int" Dimensions="3 2">0 {} 1 1 {} 1</DataItem>
          {}
        </DataItem>
      </Attribute>
)",
                     name, information, n_rows, column, n_rows, whole);
}

}  // namespace

Places places_of(const PointCloud& cloud, const geometry::Manifold& manifold) {
  const bool is_torus = manifold.point_size() != dim && manifold.periods()[0] > 0.0;
  Places places;
  places.projection =
      is_torus ? "solid torus: ((2 + c1) cos c0, (2 + c1) sin c0, c2) of the coordinates c0, ..., c6"
               : "the coordinates c0, c1, c2 of c0, ..., c6";
  places.coords.resize(cloud.size() * dim);
  places.projected.resize(cloud.size() * 3);
  for (std::size_t i = 0; i < cloud.size(); ++i) {
    double* c = places.coords.data() + i * dim;
    double* p = places.projected.data() + i * 3;
    manifold.coordinates(cloud.point(i), c);
    std::copy_n(c, 3, p);
    if (!is_torus) continue;
    const double radius = 2.0 + c[1];  // |c1| <= 1, so that no point reaches the axis
    p[0] = radius * std::cos(c[0]);
    p[1] = radius * std::sin(c[0]);
    p[2] = c[2];
  }
  return places;
}

std::string xdmf_path(const std::string& hdf5_path) {
  std::filesystem::path path(hdf5_path);
  const auto extension = path.extension();
  if (extension == ".h5" || extension == ".hdf5") path.replace_extension();
  return path.string() + ".xdmf";
}

std::string xdmf_obstacle(const std::string& hdf5_path) {
  const std::filesystem::path path = xdmf_path(hdf5_path);
  if (path.string().size() >= PATH_MAX || path.filename().string().size() > NAME_MAX)
    return "its name would be too long";
  if (escaped(hdf5_path) != hdf5_path) return "XML has no place for some characters of the HDF5 file's name";
  if (std::filesystem::path(hdf5_path).filename().string().find(':') != std::string::npos)
    return "XDMF takes the colon in the HDF5 file's name for its end";
  return {};
}

std::string xdmf_text(const std::string& hdf5, GlobalIndex n_rows, const std::vector<double>& eigenvalues,
                      const std::string& projection) {
  std::string text = fmt::format(R"(<?xml version="1.0" encoding="UTF-8"?>
<Xdmf Version="2.0">
  <Domain>
    <Grid Name="samples" GridType="Uniform">
      <Information Name="projection" Value="{}"/>
      <Topology TopologyType="Polyvertex" NumberOfElements="{}" NodesPerElement="1"/>
      <Geometry GeometryType="XYZ">
        {}
      </Geometry>
)",
                                 in_xml(projection), n_rows, data_item(hdf5, "/projection", n_rows, 3));
  const std::string coords = data_item(hdf5, "/coords", n_rows, dim);
  for (std::size_t i = 0; i < dim; ++i) text += attribute(fmt::format("c{}", i), i, n_rows, coords, "");
  const std::string functions = data_item(hdf5, "/eigenvectors", n_rows, eigenvalues.size());
  for (std::size_t i = 0; i < eigenvalues.size(); ++i)
    text +=
        attribute(fmt::format("eigenfunction_{}", i), i, n_rows, functions,
                  fmt::format("\n        <Information Name=\"eigenvalue\" Value=\"{}\"/>", eigenvalues[i]));
  return text + "    </Grid>\n  </Domain>\n</Xdmf>\n";
}

}  // namespace k7::spectral
