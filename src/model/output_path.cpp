// SPDX-License-Identifier: Apache-2.0
#include "model/output_path.hpp"

#include <filesystem>
#include <system_error>

#include "io/atomic_file.hpp"
#include "k7/base/error.hpp"

namespace k7::model {

void require_other_file(const std::string& out, const std::string& input, const std::string& what) {
  std::error_code ignored;
  if (std::filesystem::equivalent(input, out, ignored))
    throw InputError("--out " + out + ": is " + what + " itself; choose another name");
}

void require_output(const std::string& out, const std::string& input, const std::string& what) {
  if (out.empty()) return;
  require_other_file(out, input, what);
  const std::string obstacle = io::write_obstacle(out);
  if (!obstacle.empty()) throw InputError("--out " + out + ": " + obstacle);
}

}  // namespace k7::model
