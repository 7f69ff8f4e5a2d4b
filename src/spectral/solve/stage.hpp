// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7::spectral {

/// A named part of the computation, from the making of this object to its end, for those who measure: a stage of PETSc's
/// -log_view, and MPI_Pcontrol(1, name) and (-1, name) for MPI's profiling layer. Parts may be inside of others. Collective.
class Stage {
 public:
  /// @param name a literal
  explicit Stage(const char* name);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

 private:
  const char* name_;
  bool is_logged_ = false;
};

}  // namespace k7::spectral
