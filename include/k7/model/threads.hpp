// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace k7::model {

/// Sets how many threads of this process compute with tensors. It holds for the whole process, so that it is
/// for the program to decide, before anything is computed: no other function of the library changes it.
void use_threads(int threads);

}  // namespace k7::model
