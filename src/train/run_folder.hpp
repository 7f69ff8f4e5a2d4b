// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "io/folder_lock.hpp"
#include "k7/parallel/communicator.hpp"
#include "train/checkpoint.hpp"

namespace k7::train {

/// The folder of a run: whose it is, what is in it, how it is written. Its functions are for rank 0 unless they
/// are collective.
class RunFolder {
 public:
  /// @param resume auto, never, or a checkpoint
  RunFolder(std::string folder, std::string resume);

  /// Makes a folder that is there already this run's own, before anything is read from it. Collective.
  /// @throws CollectiveError when another run has it or something in it cannot be written
  void claim_if_there(const parallel::Communicator& comm);
  /// Makes the folder where it is not there yet: only when nothing can be refused any more. Collective.
  void make(const parallel::Communicator& comm);

  /// The file to go on from.
  struct Found {
    std::string file;     ///< empty: start anew
    std::string warning;  ///< why it is not the newest; empty: it is
  };
  /// The newest intact checkpoint, or the file that was asked for. Where none is intact, the newest: loading it
  /// tells what is wrong.
  Found file_to_resume() const;
  /// A file that was loaded. The next checkpoint must not put a damaged one in the place of a good one.
  void resumed(const std::string& file);

  /// last.h5, with the one before kept as previous.h5; best.h5; history.csv.
  void save(Checkpoint checkpoint, bool memory_fits_best);
  /// A state whose loss is not finite, for study.
  void save_failed(const Checkpoint& checkpoint) const;

 private:
  std::string path(const char* name) const;
  void claim();

  std::string folder_;
  std::string resume_;
  io::FolderLock lock_;
  bool last_is_intact_ = true;
};

}  // namespace k7::train
