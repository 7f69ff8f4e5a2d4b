// SPDX-License-Identifier: Apache-2.0
//
// A user's own samples of a 3-form and its derivatives. See docs/programs.md.
#pragma once

#include <string>
#include <vector>

#include "io/hdf5_reader.hpp"
#include "k7/geometry/g2_structure.hpp"

namespace k7::io {

/// FILE.h5:/group: the last ":/" separates, and without one the group is the file's root.
struct FieldAddress {
  explicit FieldAddress(const std::string& text);

  std::string path;
  std::string group;  ///< ends with '/'
};

/// Reads `phi` (M, 35), `E_phi` (M, 7, 35) with [m, a, I] = E_a phi_I, and `structure` (7, 7, 7) with
/// [c, a, b] = C^c_ab, [E_a, E_b] = C^c_ab E_c (absent: coordinates), each rank its own rows.
class FieldReader {
 public:
  /// Collective. Checks names, shapes, types and the structure constants; throws the same CollectiveError on
  /// every rank.
  FieldReader(const FieldAddress& address, const parallel::Communicator& comm);

  GlobalIndex n_rows() const { return n_rows_; }
  const geometry::Structure& structure() const { return structure_; }

  /// Rows [begin, begin + count), resized: phi (count, 35), derivatives (count, 7, 35). Not collective.
  /// @throws InputError naming file, dataset and row of the first number that is not finite
  void read(GlobalIndex begin, GlobalIndex count, std::vector<double>& phi,
            std::vector<double>& derivatives) const;

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& what) const;
  void check_group() const;
  Hdf5File::Shape shape_of(const std::string& name, const std::string& needed) const;
  void check_rows();
  void read_structure();

  std::string group_;
  Hdf5Reader file_;
  GlobalIndex n_rows_ = 0;
  geometry::Structure structure_{};
};

}  // namespace k7::io
