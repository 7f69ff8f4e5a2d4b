// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace k7::model {

/// Whether `out` is not the file that is read. Not collective.
/// @param what the input is, for the message
/// @throws InputError naming --out
void require_other_file(const std::string& out, const std::string& input, const std::string& what);

/// Whether `out` can be written, too; an empty name is no output. Not collective. @throws InputError naming --out
void require_output(const std::string& out, const std::string& input, const std::string& what);

}  // namespace k7::model
