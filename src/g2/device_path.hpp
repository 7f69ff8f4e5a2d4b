// SPDX-License-Identifier: Apache-2.0
//
// Where the code for GPUs and that for CPUs part, and the only copies between host and device.
#pragma once

#include "g2/torch.hpp"

namespace k7::g2 {

/// Whether tensors of this device are computed with as on a GPU: with LibTorch's operations on whole batches,
/// one after the other. Otherwise K7's own loops and threads work on the memory of the host.
bool takes_device_path(const at::Device& device);

/// While one is alive, CPUs take the device path too: its operations can then be counted, and its numbers
/// compared, where there is no GPU. One at a time.
class DevicePathOnCpus {
 public:
  DevicePathOnCpus();
  ~DevicePathOnCpus();
  DevicePathOnCpus(const DevicePathOnCpus&) = delete;
  DevicePathOnCpus& operator=(const DevicePathOnCpus&) = delete;
};

/// Room on the host (count), float64, for what goes to the device: pinned for a GPU, so that nobody waits for
/// the copy.
at::Tensor staging_room(std::int64_t count, const at::Device& device);

/// A copy of `host` on the device; the tensor itself where it is there already. Profilers see it as
/// k7::to_device.
at::Tensor to_device(const at::Tensor& host, const at::Device& device);

/// The same on the host, where it can be read at once: the host waits for all earlier work of the device.
/// Profilers see it as k7::to_host.
at::Tensor to_host(const at::Tensor& t);

}  // namespace k7::g2
