// SPDX-License-Identifier: Apache-2.0
//
// train.json.
#include <filesystem>

#include "base/memory.hpp"
#include "io/json_file.hpp"
#include "k7/parallel/agree.hpp"
#include "k7/train/train.hpp"

namespace k7::train {

void write_results(const TrainOptions& options, const TrainResult& result, const std::string& program,
                   int threads, const io::Json& given, const parallel::Communicator& comm) {
  io::Json parallel = io::parallel_json(comm.size(), threads, result.device);
  parallel["comm"] = result.comm;
  parallel["peak_memory_mib"] = comm.all_gather(peak_memory_mib());
  io::Json model = *result.model;
  model["radii"] = options.model.radii;  // in full: the option is recorded as it was typed
  const io::Json tree{{"metadata", io::metadata_json(program)},
                      {"constants", io::constants_json()},
                      {"model", model},
                      {"training", *result.training},
                      {"timing", *result.timing},
                      {"parallel", parallel},
                      {"options", given}};
  parallel::agree_on_root(
      comm, [&] { io::write_results((std::filesystem::path(options.out) / "train.json").string(), tree); });
}

}  // namespace k7::train
