// SPDX-License-Identifier: Apache-2.0
#include "io/unopened_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <string_view>

namespace k7::io {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view hdf5_signature = "\x89HDF\r\n\x1a\n"sv;

/// Files that people give in the place of HDF5, by their first bytes.
struct Kind {
  std::string_view start;
  const char* text;
};
constexpr const char* zip_text =
    "is a zip file, as NumPy's .npz are, not HDF5; make samples of those: npy_to_hdf5.py FILE -o samples.h5";
constexpr std::array kinds{
    Kind{"\x93NUMPY"sv,
         "is a NumPy file, not HDF5; make samples of it: npy_to_hdf5.py FILE -o samples.h5 --metric FILE"},
    Kind{"PK\x03\x04"sv, zip_text}, Kind{"PK\x05\x06"sv, zip_text},  // without members
    Kind{"version https://git-lfs.github.com/spec/"sv,
         "is a pointer of Git LFS, not the file that it stands for; fetch that: git lfs pull"},
    Kind{"\x1f\x8b"sv, "is compressed as a whole, not HDF5; unpack it: gunzip FILE"}};

/// Bytes from a place on; fewer at the end of the file.
std::string bytes_at(std::ifstream& file, std::uint64_t begin, std::size_t count) {
  std::string bytes(count, '\0');
  file.clear();
  file.seekg(static_cast<std::streamoff>(begin));
  file.read(bytes.data(), static_cast<std::streamsize>(count));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  return bytes;
}

/// Whether a program has the lock that HDF5 takes for writing.
bool is_locked(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(fd);
  return locked;
}

/// The first bytes of HDF5's superblock, which lies at 0, 512, 1024, 2048, ...; empty: there is none.
std::string superblock(std::ifstream& file) {
  constexpr std::size_t length = 12;
  for (std::uint64_t begin = 0;; begin = begin == 0 ? 512 : 2 * begin) {
    std::string head = bytes_at(file, begin, length);
    if (head.size() < length) return {};
    if (head.rfind(hdf5_signature, 0) == 0) return head;
  }
}

/// Whether the superblock says that the file is open for writing. One of version 3 or newer has such a flag.
bool is_marked_open(const std::string& head) {
  constexpr std::size_t version = 8;
  constexpr std::size_t flags = 11;
  constexpr int open_for_writing = 1 | 4;  // alone, or with readers beside it
  return head.size() > flags && head[version] >= 3 && (head[flags] & open_for_writing) != 0;
}

}  // namespace

std::string unopened_reason(const std::string& path) {
  if (is_locked(path)) return "is still open for writing in another program; close it there first";
  std::ifstream file(path, std::ios::binary);
  const std::string head = superblock(file);
  if (is_marked_open(head))
    return "is still open for writing in another program, or was never closed; close it there first, or, if "
           "that program has ended: h5clear -s FILE";
  if (!head.empty()) return {};
  for (const Kind& kind : kinds)
    if (bytes_at(file, 0, kind.start.size()) == kind.start) return kind.text;
  return "is not an HDF5 file";
}

}  // namespace k7::io
