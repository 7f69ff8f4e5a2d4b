// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace k7 {

/// What a long computation tells while it runs, and how it learns that it shall stop. The library itself prints
/// nothing: whoever calls it decides what becomes of a line. Every rank calls its own observer, with the same
/// lines in the same order unless a function says otherwise. This one listens to nothing.
class Observer {
 public:
  virtual ~Observer() = default;
  /// What was done, in one line.
  virtual void info(const std::string& /*line*/) {}
  /// What the caller should know of: the result stands, but not as was wished.
  virtual void warn(const std::string& /*line*/) {}
  /// `done` of `total` parts of the work that `label` names; `note` is the last number that matters.
  virtual void progress(const std::string& /*label*/, std::int64_t /*done*/, std::int64_t /*total*/,
                        const std::string& /*note*/) {}
  /// An epoch of training is done: its number, counted over all parts of the run, and the loss of its batch.
  virtual void epoch(std::int64_t /*number*/, double /*loss*/) {}
  /// Whether this rank was asked to stop. One rank is enough; the work stops on all of them at the same place.
  virtual bool stop_requested() { return false; }
};

}  // namespace k7
