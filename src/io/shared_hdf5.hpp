// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "io/atomic_file.hpp"
#include "io/hdf5_file.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::io {

/// Parallel HDF5 output under a temporary name known to all ranks: make it, write to file(), commit() it.
class SharedHdf5Output {
 public:
  /// Collective. @param bytes what will be written, for an early look at the free space
  SharedHdf5Output(const std::string& path, const parallel::Communicator& comm, std::uint64_t bytes);
  /// Without commit() the file is abandoned and removed: see hdf5_abandoned().
  ~SharedHdf5Output();
  SharedHdf5Output(const SharedHdf5Output&) = delete;
  SharedHdf5Output& operator=(const SharedHdf5Output&) = delete;
  Hdf5File& file() { return *file_; }
  /// Space on the disk for `bytes` of data.
  static std::uint64_t space(std::uint64_t bytes);
  /// Collective: closes, flushes, renames.
  void commit();

 private:
  const parallel::Communicator& comm_;
  std::unique_ptr<AtomicFile> output_;  // on rank 0
  std::unique_ptr<Hdf5File> file_;
};

}  // namespace k7::io
