// SPDX-License-Identifier: Apache-2.0
#include "io/atomic_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "k7/base/error.hpp"

namespace k7::io {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw InputError(path + ": " + what);
}

std::string folder_of(const std::string& path) {
  const fs::path parent = fs::path(path).parent_path();
  return parent.empty() ? "." : parent.string();
}

/// A number in digits and letters.
std::string in_base_36(std::uint64_t number) {
  std::string text;
  do text.insert(text.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36]);
  while ((number /= 36) > 0);
  return text;
}

/// A name of so few characters that is not there yet, or one that is too long: where a path is almost as long as
/// the system allows.
std::string short_name(const std::string& folder, std::size_t room) {
  const auto first = static_cast<std::uint64_t>(getpid());
  constexpr std::uint64_t most_tries = 1000;
  for (std::uint64_t i = 0; i < most_tries; ++i) {
    const std::string number = in_base_36(first + i);
    std::string name = number.substr(number.size() - std::min(room, number.size()));
    std::error_code ignored;
    if (!fs::exists(fs::symlink_status(fs::path(folder) / name, ignored))) return name;
  }
  return std::string(room + 1, '0');
}

/// A name beside that of `target`, no longer than the system allows.
std::string temporary_name(const std::string& target) {
  const std::string folder = folder_of(target);
  const std::string tail = "." + std::to_string(getpid()) + ".tmp";
  const std::size_t taken = std::min<std::size_t>(folder.size() + 2, PATH_MAX - 1);
  const std::size_t room = std::min<std::size_t>(NAME_MAX, PATH_MAX - taken);
  if (room < tail.size() + 1) return (fs::path(folder) / short_name(folder, room)).string();
  const std::string name = "." + fs::path(target).filename().string();
  return (fs::path(folder) / (name.substr(0, room - tail.size()) + tail)).string();
}

void flush_to_disk(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags);
  if (fd < 0) fail(path, std::string("cannot be flushed: ") + std::strerror(errno));
  const int result = fsync(fd);
  const int reason = errno;
  ::close(fd);
  // Some file systems cannot flush a folder; the rename is then as safe as they make it.
  if (result != 0 && reason != EINVAL) fail(path, std::string("cannot be flushed: ") + std::strerror(reason));
}

}  // namespace

std::string write_target(const std::string& path) {
  constexpr int most_links = 40;  // as many as Linux follows
  fs::path target = path;
  for (int i = 0; i < most_links; ++i) {
    std::error_code ignored;
    if (!fs::is_symlink(fs::symlink_status(target, ignored))) return target.string();
    const fs::path next = fs::read_symlink(target, ignored);
    target = next.is_absolute() ? next : target.parent_path() / next;
  }
  return {};
}

std::string write_obstacle(const std::string& path) {
  const std::string target = write_target(path);
  if (target.empty()) return "is a loop of symbolic links; choose another name";
  std::error_code error;
  const fs::file_status status = fs::status(target, error);
  if (status.type() == fs::file_type::none) return "cannot be written: " + error.message();
  if (fs::is_directory(status)) return "is a folder; a file name is needed";
  if (fs::exists(status) && !fs::is_regular_file(status)) return "is not a regular file; choose another name";
  const std::string folder = folder_of(target);
  if (!fs::is_directory(folder, error)) return "the folder " + folder + " does not exist; make it first";
  const std::string probe = temporary_name(target);
  const int fd = ::open(probe.c_str(), O_CREAT | O_WRONLY, 0666);
  if (fd < 0) return std::string("cannot be written: ") + std::strerror(errno);
  ::close(fd);
  ::unlink(probe.c_str());
  return {};
}

SpaceReservation::SpaceReservation(const std::string& path, std::uint64_t bytes) {
  const std::string name = temporary_name(write_target(path));
  fd_ = ::open(name.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
  if (fd_ < 0) fail(path, std::string("cannot be written: ") + std::strerror(errno));
  ::unlink(name.c_str());
  // Not posix_fallocate: where a file system cannot reserve, that one writes every block.
  if (::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) == 0) return;
  const int reason = errno;
  release();
  if (reason == ENOSPC || reason == EFBIG || reason == EDQUOT)
    fail(path, "cannot be written: " + std::to_string((bytes + 1048575) / 1048576) +
                   " MiB are needed: " + std::strerror(reason));
}

SpaceReservation::SpaceReservation(SpaceReservation&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

SpaceReservation& SpaceReservation::operator=(SpaceReservation&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

SpaceReservation::~SpaceReservation() {
  release();
}

void SpaceReservation::release() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::array<std::string, 3> rescue_folders() {
  const char* temporary = std::getenv("TMPDIR");
  const bool is_set = temporary != nullptr && *temporary != '\0';
  return {".", is_set ? temporary : "/tmp", "/tmp"};
}

std::string claim_rescue_name(const std::string& path, const std::string& folder) {
  const fs::path wanted = fs::path(path).filename();
  constexpr std::size_t longest_stem = 200;  // what is added fits, too
  const std::string stem = wanted.stem().string().substr(0, longest_stem) + "-" + std::to_string(getpid());
  constexpr int most_tries = 1000;
  for (int i = 0; i < most_tries; ++i) {
    const std::string number = i == 0 ? "" : "-" + std::to_string(i);
    const std::string name = (fs::path(folder) / (stem + number + wanted.extension().string())).string();
    const int fd = ::open(name.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0666);
    if (fd >= 0) {
      ::close(fd);
      return name;
    }
    if (errno != EEXIST) return {};
  }
  return {};
}

AtomicFile::AtomicFile(std::string path)
    : path_(std::move(path)), target_(write_target(path_)), temporary_(temporary_name(target_)) {
  const std::string obstacle = write_obstacle(path_);
  if (!obstacle.empty()) fail(path_, obstacle);
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void AtomicFile::write(const std::string& bytes) {
  std::FILE* out = std::fopen(temporary_.c_str(), "w");
  if (out == nullptr) fail(path_, std::string("cannot be written: ") + std::strerror(errno));
  const bool written = std::fwrite(bytes.data(), 1, bytes.size(), out) == bytes.size();
  const int reason = errno;
  if (std::fclose(out) != 0 || !written)
    fail(path_, std::string("cannot be written: ") + std::strerror(written ? errno : reason));
}

void AtomicFile::check_space(std::uint64_t bytes) const {
  const SpaceReservation held(path_, bytes);
}

void AtomicFile::commit(const std::string& keep) {
  flush_to_disk(temporary_, O_RDWR);
  if (!keep.empty()) keep_before(keep);
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0)
    fail(path_, std::string("cannot be renamed into place: ") + std::strerror(errno));
  committed_ = true;
  flush_to_disk(folder_of(target_), O_RDONLY | O_DIRECTORY);
}

void AtomicFile::keep_before(const std::string& keep) const {
  std::error_code error;
  if (!fs::exists(target_, error)) return;
  fs::rename(target_, write_target(keep), error);
  if (!error) return;
  if (error == std::errc::cross_device_link) {  // a symbolic link leads to another disk
    AtomicFile copy(keep);
    if (fs::copy_file(target_, copy.temporary(), fs::copy_options::overwrite_existing, error))
      return copy.commit();
  }
  fail(path_, "cannot be renamed to " + keep + ": " + error.message());
}

std::string rescue_text(const std::string& path, const std::string& text) {
  for (const std::string& folder : rescue_folders()) {
    const std::string name = claim_rescue_name(path, folder);
    if (name.empty()) continue;
    try {
      write_text(name, text);
      return name;
    } catch (const InputError&) {
      ::unlink(name.c_str());
    }
  }
  return {};
}

void write_text(const std::string& path, const std::string& text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
}

}  // namespace k7::io
