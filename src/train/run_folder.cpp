// SPDX-License-Identifier: Apache-2.0
#include "train/run_folder.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/seal.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::train {
namespace fs = std::filesystem;
namespace {

constexpr const char* last_name = "last.h5";
constexpr const char* previous_name = "previous.h5";  ///< the checkpoint before
constexpr const char* best_name = "best.h5";
constexpr const char* failed_name = "failed.h5";  ///< whose loss is not finite
constexpr const char* history_name = "history.csv";
constexpr const char* results_name = "train.json";  ///< of the program

}  // namespace

RunFolder::RunFolder(std::string folder, std::string resume)
    : folder_(std::move(folder)), resume_(std::move(resume)) {}

std::string RunFolder::path(const char* name) const {
  return (fs::path(folder_) / name).string();
}

void RunFolder::claim_if_there(const parallel::Communicator& comm) {
  parallel::agree_on_root(comm, [&] {
    std::error_code ignored;
    if (fs::is_directory(folder_, ignored)) claim();
  });
}

void RunFolder::make(const parallel::Communicator& comm) {
  parallel::agree_on_root(comm, [&] {
    std::error_code error;
    fs::create_directories(folder_, error);
    std::error_code ignored;
    if (!fs::is_directory(folder_, ignored))
      throw InputError("--out " + folder_ + ": is not a folder and cannot be made one (" + error.message() +
                       ")");
    if (!lock_.held()) claim();
  });
}

void RunFolder::claim() {
  for (const char* name : {last_name, previous_name, best_name, failed_name, history_name, results_name}) {
    const std::string obstacle = io::write_obstacle(path(name));
    if (!obstacle.empty()) throw InputError(path(name) + ": " + obstacle);
  }
  lock_.take(folder_);
}

RunFolder::Found RunFolder::file_to_resume() const {
  if (resume_ == "never") return {};
  if (resume_ != "auto") return {resume_, {}};
  std::vector<std::pair<std::string, std::string>> defects;
  for (const char* name : {last_name, previous_name}) {
    std::error_code ignored;  // what is there and cannot be read has a defect
    if (!fs::exists(path(name), ignored)) continue;
    const std::string defect = io::seal_defect(path(name));
    if (defect.empty())
      return {path(name), defects.empty() ? ""
                                          : fmt::format("{}: {}; going on from {}", defects.front().first,
                                                        defects.front().second, path(name))};
    defects.emplace_back(path(name), defect);
  }
  return {defects.empty() ? "" : defects.front().first, {}};
}

void RunFolder::resumed(const std::string& file) {
  last_is_intact_ = file != path(previous_name);
}

void RunFolder::save(Checkpoint checkpoint, bool memory_fits_best) {
  write_checkpoint(path(last_name), checkpoint, last_is_intact_ ? path(previous_name) : "");
  last_is_intact_ = true;
  checkpoint.parameters = checkpoint.best_parameters;
  if (!memory_fits_best) checkpoint.optimizer_arrays.clear();
  write_checkpoint(path(best_name), checkpoint);
  io::write_text(path(history_name), checkpoint.history.csv());
}

void RunFolder::save_failed(const Checkpoint& checkpoint) const {
  write_checkpoint(path(failed_name), checkpoint);
}

}  // namespace k7::train
