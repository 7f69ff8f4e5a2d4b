// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "k7/parallel/communicator.hpp"

namespace k7::io {

/// What keeps `path` from being written as a new file: empty when nothing does, otherwise the reason with the
/// remedy. Tries by making and removing a file beside it.
std::string write_obstacle(const std::string& path);

/// A file that appears whole or not at all: written under a temporary name in the same folder, flushed to
/// disk, then renamed. Without commit() the temporary file is removed.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::string& temporary() const { return temporary_; }
  /// Writes the whole temporary file.
  void write(const std::string& bytes);
  /// Takes `bytes` of disk for the temporary file and gives them back: a full disk shows before the work.
  void check_space(std::uint64_t bytes) const;
  /// Call when the temporary file is complete and closed.
  /// @param keep if not empty, the name under which a file that was there before is kept
  void commit(const std::string& keep = {});

 private:
  std::string path_;
  std::string temporary_;
  bool committed_ = false;
};

/// Writes a text file atomically. @throws InputError naming the file
void write_text(const std::string& path, const std::string& text);

}  // namespace k7::io
