// SPDX-License-Identifier: Apache-2.0
#include "g2/device_path.hpp"

#include <ATen/record_function.h>

#include <atomic>

namespace k7::g2 {
namespace {

std::atomic<bool> cpus_take_it{false};

}  // namespace

bool takes_device_path(const at::Device& device) {
  return !device.is_cpu() || cpus_take_it.load(std::memory_order_relaxed);
}

DevicePathOnCpus::DevicePathOnCpus() {
  cpus_take_it = true;
}

DevicePathOnCpus::~DevicePathOnCpus() {
  cpus_take_it = false;
}

at::Tensor staging_room(std::int64_t count, const at::Device& device) {
  return at::empty({count}, at::TensorOptions().dtype(at::kDouble).pinned_memory(device.is_cuda()));
}

at::Tensor to_device(const at::Tensor& host, const at::Device& device) {
  RECORD_USER_SCOPE("k7::to_device");
  return host.to(device, /*non_blocking=*/device.is_cuda());
}

at::Tensor to_host(const at::Tensor& t) {
  RECORD_USER_SCOPE("k7::to_host");
  return t.cpu();
}

}  // namespace k7::g2
