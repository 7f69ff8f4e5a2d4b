// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace k7::io {

/// Why HDF5 does not open a file, as the end of a message that begins with its path: another program still holds
/// it, or it is something else, by its first bytes. Empty: it looks like a closed HDF5 file.
std::string unopened_reason(const std::string& path);

}  // namespace k7::io
