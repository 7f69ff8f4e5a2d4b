// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace k7::cli {

/// "; did you mean NAME?" for the name that is most like `word`; empty if none is like it.
std::string suggestion(const std::string& word, const std::vector<std::string>& names);

}  // namespace k7::cli
