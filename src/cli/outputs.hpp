// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "io/atomic_file.hpp"
#include "io/json_file.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::cli {

/// The files that a program writes at the end of long work. Where they can go is checked and their space is held
/// before the work begins, and what cannot be written in the end goes to a rescue folder and does not keep the
/// others from being written.
class Outputs {
 public:
  explicit Outputs(const parallel::Communicator& comm) : comm_(comm) {}

  /// One output: the option that names it, its path, and the bytes it will have.
  struct File {
    std::string option;
    std::string path;
    std::uint64_t bytes;
  };
  /// Collective. Refuses outputs that cannot be written, that are `input`, or that are each other.
  /// @throws CollectiveError naming option and file
  void check(const std::string& input, const std::vector<File>& files) const;
  /// Collective. Holds the space of all outputs until they are written: a disk that fills up in the hours between
  /// would cost the results. @throws CollectiveError naming the file that has no room
  void hold_space(const std::vector<File>& files);

  /// Collective. Writes results as JSON. Where that fails, failures() tells.
  void write_results(const std::string& path, const io::Json& json);
  /// Collective. Calls write(path), which is collective, and with another path where that fails.
  /// @return the path that it was written to, on every rank; empty: none
  std::string write(const std::string& path, const std::function<void(const std::string&)>& write);

  /// What could not be written to its own place; empty: nothing.
  const std::string& failures() const { return failures_; }

 private:
  void attempt(const std::function<void()>& write);
  std::string rescue(const std::string& path, const std::function<void(const std::string&)>& write) const;

  const parallel::Communicator& comm_;
  std::map<std::string, io::SpaceReservation> reservations_;  // on rank 0
  std::string failures_;
};

}  // namespace k7::cli
