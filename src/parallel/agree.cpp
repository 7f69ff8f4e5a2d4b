// SPDX-License-Identifier: Apache-2.0
#include "k7/parallel/agree.hpp"

#include <new>
#include <string>

#include "k7/base/error.hpp"

namespace k7::parallel {
namespace {

struct Outcome {
  bool failed = false;
  Fault fault = Fault::internal;
  std::string text;
};

Outcome attempt(const std::function<void()>& work) {
  try {
    work();
    return {};
  } catch (const Error& e) {
    return {true, e.fault(), e.what()};
  } catch (const std::bad_alloc&) {
    return {true, Fault::internal, "out of memory; use more ranks, or a machine with more memory"};
  } catch (const std::exception& e) {
    return {true, Fault::internal, e.what()};
  }
}

}  // namespace

void agree(const Communicator& comm, const std::function<void()>& work) {
  Outcome outcome = attempt(work);
  const auto first = comm.min(GlobalIndex{outcome.failed ? comm.rank() : comm.size()});
  if (first == comm.size()) return;
  const int root = static_cast<int>(first);
  comm.broadcast(&outcome.fault, 1, root);
  comm.broadcast(outcome.text, root);
  throw CollectiveError(outcome.fault, outcome.text);
}

void agree_on_root(const Communicator& comm, const std::function<void()>& work) {
  agree(comm, [&] {
    if (comm.is_root()) work();
  });
}

}  // namespace k7::parallel
