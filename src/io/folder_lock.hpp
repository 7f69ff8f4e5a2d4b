// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace k7::io {

/// Keeps a folder for one process, by a lock on the file run.lock in it, which names the process and is
/// removed at the end. The lock itself ends with the process, however that ends: a file left by a killed one
/// locks nothing. Where the file system has no locks, nothing is kept.
class FolderLock {
 public:
  FolderLock() = default;
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

  bool held() const { return fd_ >= 0; }
  /// @throws InputError naming the folder and the process that has it, or why the file cannot be made
  void take(const std::string& folder);

 private:
  std::string path_;
  int fd_ = -1;
};

}  // namespace k7::io
