// SPDX-License-Identifier: Apache-2.0
#include "cli/outputs.hpp"

#include <filesystem>
#include <set>
#include <system_error>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::cli {
namespace {

/// One name per file, so that two ways to write it can be told to be the same.
std::filesystem::path full_path(const std::string& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(io::write_target(path), error);
  if (error) return path;
  const auto canonical = std::filesystem::weakly_canonical(absolute, error);
  return error ? absolute.lexically_normal() : canonical;
}

}  // namespace

void Outputs::check(const std::string& input, const std::vector<File>& files) const {
  parallel::agree_on_root(comm_, [&] {
    std::set<std::filesystem::path> seen{full_path(input)};
    for (const auto& [option, path, bytes] : files) {
      const std::string obstacle = io::write_obstacle(path);
      if (!obstacle.empty()) throw InputError(option + " " + path + ": " + obstacle);
      if (!seen.insert(full_path(path)).second)
        throw InputError(option + " " + path +
                         ": the samples or another output are already this file; choose another name");
    }
  });
}

void Outputs::hold_space(const std::vector<File>& files) {
  parallel::agree_on_root(comm_, [&] {
    for (const File& file : files) reservations_[file.path] = io::SpaceReservation(file.path, file.bytes);
  });
}

void Outputs::write_results(const std::string& path, const io::Json& json) {
  reservations_[path].release();
  attempt([&] { parallel::agree_on_root(comm_, [&] { io::write_results(path, json); }); });
}

std::string Outputs::write(const std::string& path, const std::function<void(const std::string&)>& write) {
  reservations_[path].release();
  std::string place = path;
  attempt([&] {
    try {
      write(path);
    } catch (const CollectiveError& e) {
      if (e.fault() != Fault::bad_input) throw;
      const std::string rescued = rescue(path, write);
      place = rescued;
      throw CollectiveError(
          e.fault(), std::string(e.what()) +
                         (rescued.empty() ? "; no other folder takes it either" : "; it is in " + rescued));
    }
  });
  return place;
}

void Outputs::attempt(const std::function<void()>& write) {
  try {
    write();
  } catch (const CollectiveError& e) {
    if (e.fault() != Fault::bad_input) throw;
    failures_ += (failures_.empty() ? "" : "; ") + std::string(e.what());
  }
}

/// The name under which a file could be written after all; empty if nowhere.
std::string Outputs::rescue(const std::string& path,
                            const std::function<void(const std::string&)>& write) const {
  for (const std::string& folder : io::rescue_folders()) {
    std::string name = comm_.is_root() ? io::claim_rescue_name(path, folder) : "";
    comm_.broadcast(name);
    if (name.empty()) continue;
    try {
      write(name);
      return name;
    } catch (const CollectiveError& e) {
      if (e.fault() != Fault::bad_input) throw;
      std::error_code ignored;
      if (comm_.is_root()) std::filesystem::remove(name, ignored);
    }
  }
  return {};
}

}  // namespace k7::cli
