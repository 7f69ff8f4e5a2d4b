// SPDX-License-Identifier: Apache-2.0
#include "io/seal.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/quote.hpp"
#include "io/hdf5_file.hpp"

namespace k7::io {
namespace {

constexpr std::size_t block = 512;  // HDF5 looks for its own signature at 0, 512, 1024, ...
constexpr const char* magic = "k7-seal ";

class Checksum {
 public:
  void add(const char* data, std::size_t n) {
    crc_ = crc32_z(crc_, reinterpret_cast<const Bytef*>(data), n);
    bytes_ += n;
  }
  /// What stands in front of bytes with this checksum.
  std::string seal() const {
    std::string text = fmt::format("{}crc32 {:08x} bytes {}\n", magic, crc_, bytes_);
    text.resize(block, ' ');
    return text;
  }
  unsigned long long bytes() const { return bytes_; }

 private:
  uLong crc_ = crc32_z(0, nullptr, 0);
  unsigned long long bytes_ = 0;
};

}  // namespace

std::string sealed(const std::string& bytes) {
  Checksum checksum;
  checksum.add(bytes.data(), bytes.size());
  return checksum.seal() + bytes;
}

bool has_seal(const std::string& path) {
  if (!read_obstacle(path).empty()) return false;
  std::string start(std::strlen(magic), '\0');
  std::ifstream file(path, std::ios::binary);
  return file.read(start.data(), static_cast<std::streamsize>(start.size())) && start == magic;
}

std::string seal_defect(const std::string& path) {
  const std::string obstacle = read_obstacle(path);
  if (!obstacle.empty()) return obstacle;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::string("cannot be opened: ") + std::strerror(errno);
  std::string seal(block, '\0');
  file.read(seal.data(), static_cast<std::streamsize>(block));
  if (!file || seal.rfind(magic, 0) != 0) return "has no checksum";
  Checksum checksum;
  std::vector<char> buffer(std::size_t{1} << 20);
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0)
    checksum.add(buffer.data(), static_cast<std::size_t>(file.gcount()));
  if (file.bad()) return std::string("cannot be read: ") + std::strerror(errno);
  if (seal == checksum.seal()) return {};
  return fmt::format("is damaged: its {} bytes do not have the checksum {}", checksum.bytes(),
                     k7::quoted(seal.substr(0, seal.find('\n'))));
}

}  // namespace k7::io
