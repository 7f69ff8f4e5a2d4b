// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace k7::io {

using Json = nlohmann::ordered_json;

/// Writes JSON with two spaces of indentation, atomically. Numbers that are not finite become null.
void write_json(const std::string& path, const Json& value);

/// The same for results that took long: where `path` cannot be written, they go into a rescue folder.
/// @throws InputError then, naming both files
void write_results(const std::string& path, const Json& value);

/// The results tree's "constants": the notebook's topological constants.
Json constants_json();

/// "metadata" of the results tree: timestamp, program, version, git.
Json metadata_json(const std::string& program);

/// "parallel" of the results tree. @param threads of each rank; @param device cpu or cuda
Json parallel_json(int ranks, int threads, const std::string& device);

/// ISO 8601 time of now, UTC.
std::string timestamp();

}  // namespace k7::io
