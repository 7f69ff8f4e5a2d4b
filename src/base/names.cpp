// SPDX-License-Identifier: Apache-2.0
#include "k7/base/names.hpp"

namespace k7 {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace k7
