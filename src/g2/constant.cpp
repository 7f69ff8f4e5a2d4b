// SPDX-License-Identifier: Apache-2.0
#include "g2/constant.hpp"

#include <mutex>
#include <utility>
#include <vector>

#include "g2/device_path.hpp"

namespace k7::g2 {

struct Constant::Copies {
  std::mutex mutex;
  std::vector<at::Tensor> all;
};

Constant::Constant(at::Tensor table) : table_(std::move(table)), copies_(std::make_shared<Copies>()) {}

at::Tensor Constant::like(const at::Tensor& x) const {
  if (!takes_device_path(x.device()) && x.scalar_type() == table_.scalar_type()) return table_;
  const std::lock_guard<std::mutex> lock(copies_->mutex);
  for (const at::Tensor& copy : copies_->all)
    if (copy.device() == x.device() && copy.scalar_type() == x.scalar_type()) return copy;
  copies_->all.push_back(to_device(table_, x.device()).to(x.scalar_type()));
  return copies_->all.back();
}

}  // namespace k7::g2
