// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "k7/base/names.hpp"

namespace k7 {

/// Where something is to be computed; automatic: on a GPU where there is one.
enum class DeviceChoice { automatic, cpu, cuda };
constexpr NameTable<DeviceChoice, 3> names_of(DeviceChoice) {
  return {{{DeviceChoice::automatic, "auto"}, {DeviceChoice::cpu, "cpu"}, {DeviceChoice::cuda, "cuda"}}};
}

}  // namespace k7
