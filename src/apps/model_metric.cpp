// SPDX-License-Identifier: Apache-2.0
#include "apps/model_metric.hpp"

#include <dlfcn.h>

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::apps {

std::unique_ptr<ModelMetric> open_model_metric(const ModelRequest& request,
                                               const parallel::Communicator& comm) {
  MakeModelMetric make = nullptr;
  parallel::agree(comm, [&] {
    // Found by the run path of this program. It stays loaded: what it made may be in use until the end.
    void* library = dlopen(model_library, RTLD_NOW | RTLD_LOCAL);
    if (library != nullptr)
      make = reinterpret_cast<MakeModelMetric>(dlsym(library, make_model_metric_symbol));
    if (make == nullptr)
      throw InputError(std::string("--model needs the library ") + model_library +
                       ", which cannot be loaded: " + dlerror());
  });
  return std::unique_ptr<ModelMetric>(make(request, comm));
}

}  // namespace k7::apps
