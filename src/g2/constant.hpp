// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "g2/torch.hpp"

namespace k7::g2 {

/// A table of numbers that never change, kept once for each device and type that asks for it. Copies of this
/// share what they keep.
class Constant {
 public:
  /// @param table float64, on the host
  explicit Constant(at::Tensor table);

  /// The table on the device and in the type of x. Any number of threads at a time.
  at::Tensor like(const at::Tensor& x) const;

 private:
  struct Copies;
  at::Tensor table_;
  std::shared_ptr<Copies> copies_;
};

}  // namespace k7::g2
