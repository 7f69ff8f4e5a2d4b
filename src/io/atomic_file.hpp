// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "k7/parallel/communicator.hpp"

namespace k7::io {

/// Where output to `path` goes: to the file, there or not, that a symbolic link leads to. Empty: links lead in a
/// circle.
std::string write_target(const std::string& path);

/// What keeps `path` from being written as a new file: empty when nothing does, otherwise the reason with the
/// remedy. Tries by making and removing a file beside it.
std::string write_obstacle(const std::string& path);

/// Disk space that is held for a file to be written later, so that a disk that fills up meanwhile does not
/// cost the work done until then. What holds it has no name: it vanishes with the process, however that ends.
class SpaceReservation {
 public:
  SpaceReservation() = default;  ///< of nothing
  /// On the disk of `path`. Where a file system cannot reserve, nothing is held.
  /// @throws InputError naming the file when there is not so much space
  SpaceReservation(const std::string& path, std::uint64_t bytes);
  SpaceReservation(SpaceReservation&& other) noexcept;
  SpaceReservation& operator=(SpaceReservation&& other) noexcept;
  ~SpaceReservation();
  /// Gives the space back: right before the file is written.
  void release();

 private:
  int fd_ = -1;
};

/// Folders for results whose own place cannot be written: the current one, $TMPDIR, /tmp.
std::array<std::string, 3> rescue_folders();

/// Makes an empty file under a new name in `folder`, like that of `path` with the process id, for AtomicFile
/// to replace; never a name that is there already. Empty: `folder` takes no file.
std::string claim_rescue_name(const std::string& path, const std::string& folder);

/// Writes text that could not be written to `path` into the first rescue folder that takes it.
/// @return the file's name; empty if there is none
std::string rescue_text(const std::string& path, const std::string& text);

/// A file that appears whole or not at all: written under a temporary name in the same folder, flushed to
/// disk, then renamed. Where the path is a symbolic link, all of that is done at its target, and the link stays.
/// Without commit() the temporary file is removed.
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
  /// Gives what was there before another name, which may lie on another disk.
  void keep_before(const std::string& keep) const;

  std::string path_;    ///< for messages
  std::string target_;  ///< see write_target
  std::string temporary_;
  bool committed_ = false;
};

/// Writes a text file atomically. @throws InputError naming the file
void write_text(const std::string& path, const std::string& text);

}  // namespace k7::io
