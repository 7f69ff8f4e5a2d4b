// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace k7::io {

/// A seal is HDF5's user block, 512 bytes before the file proper that HDF5 itself skips:
///   "k7-seal crc32 1a2b3c4d bytes 123456\n", then spaces.
/// The checksum (of zlib) and the length are those of the bytes after the block.
std::string sealed(const std::string& bytes);

/// Whether the file begins with a seal, right or wrong.
bool has_seal(const std::string& path);

/// Empty if the file's seal fits its bytes; otherwise what is wrong: no such file, no seal, another length (a
/// truncated file), another checksum.
std::string seal_defect(const std::string& path);

}  // namespace k7::io
