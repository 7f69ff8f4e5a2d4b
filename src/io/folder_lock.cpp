// SPDX-License-Identifier: Apache-2.0
#include "io/folder_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/quote.hpp"
#include "io/hdf5_file.hpp"
#include "k7/base/error.hpp"

namespace k7::io {
namespace {

std::string host() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "?";
}

/// What the lock file says, which need not be what K7 wrote into it.
std::string named_owner(const std::string& path) {
  if (!read_obstacle(path).empty()) return "another run";
  std::ifstream file(path);
  std::array<char, 256> line{};
  file.getline(line.data(), line.size());
  return line[0] == '\0' ? "another run" : shortened(line.data());
}

/// Whether the path still leads to the open file; its owner before us removes it.
bool is_still_there(int fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
}

}  // namespace

FolderLock::~FolderLock() {
  if (fd_ < 0) return;
  ::unlink(path_.c_str());
  ::close(fd_);
}

void FolderLock::take(const std::string& folder) {
  path_ = (std::filesystem::path(folder) / "run.lock").string();
  for (;;) {
    const int fd = ::open(path_.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
    if (fd < 0) throw InputError(path_ + ": cannot be written: " + std::strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      ::close(fd);
      throw InputError(fmt::format("{}: {} is at work in this folder; wait for it, or choose another --out",
                                   folder, named_owner(path_)));
    }
    if (is_still_there(fd, path_)) {
      fd_ = fd;
      break;
    }
    ::close(fd);
  }
  const std::string line = fmt::format("process {} on {}\n", getpid(), host());
  // Only the message above needs it.
  if (ftruncate(fd_, 0) == 0 && ::write(fd_, line.data(), line.size()) < 0) return;
}

}  // namespace k7::io
