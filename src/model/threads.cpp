// SPDX-License-Identifier: Apache-2.0
#include "k7/model/threads.hpp"

#include "g2/torch.hpp"

namespace k7::model {

void use_threads(int threads) {
  at::set_num_threads(threads);
}

}  // namespace k7::model
