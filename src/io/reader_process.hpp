// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <string>

namespace k7::io {

/// A process of this program's own that answers requests until this object goes: work that may crash, hang or
/// overwrite memory is done there and harms nobody. It starts as a copy of this process (fork), with the
/// calling thread alone, keeps no file open but its end of the connection, prints nothing, takes no signal
/// that asks the program to stop, and ends when this process ends.
class ReaderProcess {
 public:
  /// Answers one request; what it throws of type Error is thrown again by call().
  using Serve = std::function<std::string(const std::string& request)>;

  /// @param start makes what answers, in the new process, before the first request
  /// @throws Error where no process can be made
  explicit ReaderProcess(const std::function<Serve()>& start);
  ~ReaderProcess();
  ReaderProcess(ReaderProcess&& other) noexcept;
  ReaderProcess& operator=(ReaderProcess&&) = delete;
  ReaderProcess(const ReaderProcess&) = delete;
  ReaderProcess& operator=(const ReaderProcess&) = delete;

  /// How a process ended that should have answered.
  enum class End { none, crashed, endless, killed };

  /// The answer to a request. When the process ends instead, or answers with more than `most` bytes, the
  /// answer is empty and `end` says why; it stays so for all later calls.
  std::string call(const std::string& request, std::size_t most, End& end);

 private:
  End reap();

  pid_t pid_ = -1;
  int socket_ = -1;
  End end_ = End::none;
};

/// For a Serve: the next answer may take so many seconds of processor time, counted from now. Waiting for a
/// disk takes none.
void allow_processor_seconds(double seconds);

}  // namespace k7::io
