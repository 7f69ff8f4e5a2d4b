// SPDX-License-Identifier: Apache-2.0
// Counts what a GPU would have to be told to do, from the operations that LibTorch carries out on any device.
#pragma once

#include <ATen/record_function.h>

#include <map>
#include <memory>
#include <set>
#include <string>

namespace k7::test {

struct OperationCounts {
  int launches = 0;                    ///< operations that compute or copy
  int waits = 0;                       ///< of the host for the device
  int uploads = 0;                     ///< copies to the device
  std::map<std::string, int> by_name;  ///< of all three
  int launches_before_upload = 0;      ///< launches up to the last copy to the device
  int launches_before_wait = 0;        ///< launches up to the last wait

  OperationCounts operator-(const OperationCounts& before) const {
    OperationCounts d = *this;
    d.launches -= before.launches;
    d.waits -= before.waits;
    d.uploads -= before.uploads;
    for (const auto& [name, n] : before.by_name) d.by_name[name] -= n;
    return d;
  }
};

/// Counts the operations of this thread while it is alive. One at a time.
class OperationCounter {
 public:
  OperationCounter() {
    counts() = {};
    handle_ =
        at::addThreadLocalCallback(at::RecordFunctionCallback(start, end)
                                       .scopes({at::RecordScope::FUNCTION, at::RecordScope::USER_SCOPE}));
  }
  ~OperationCounter() { at::removeCallback(handle_); }
  OperationCounter(const OperationCounter&) = delete;
  OperationCounter& operator=(const OperationCounter&) = delete;

  static OperationCounts& counts() {
    static thread_local OperationCounts all;
    return all;
  }

 private:
  /// An operation under way; one that only calls others is no launch of its own.
  struct Call : at::ObserverContext {
    Call* caller = nullptr;
    bool has_launched = false;
    bool is_kernel = false;
    bool is_hidden = false;  ///< inside a kernel
  };

  static Call*& innermost() {
    static thread_local Call* call = nullptr;
    return call;
  }

  static std::unique_ptr<at::ObserverContext> start(const at::RecordFunction& function) {
    auto call = std::make_unique<Call>();
    call->caller = innermost();
    call->is_hidden = call->caller != nullptr && (call->caller->is_hidden || call->caller->is_kernel);
    call->is_kernel = kernels().count(function.name()) != 0;
    innermost() = call.get();
    return call;
  }

  static void end(const at::RecordFunction& function, at::ObserverContext* context) {
    auto* call = static_cast<Call*>(context);
    innermost() = call->caller;
    const std::string name = function.name();
    if (call->is_hidden) return;
    const bool launches = call->has_launched || note(name);
    if (launches && call->caller != nullptr) call->caller->has_launched = true;
  }

  /// One call of a solver on a GPU; on a CPU LibTorch looks at the pivots first, and waits for nobody.
  static const std::set<std::string>& kernels() {
    static const std::set<std::string> names{"aten::linalg_lu_solve", "aten::linalg_lu_factor_ex"};
    return names;
  }

  /// Returns whether it is a launch.
  static bool note(const std::string& name) {
    static const std::set<std::string> waits{"aten::_local_scalar_dense", "aten::equal", "aten::nonzero",
                                             "k7::to_host"};
    if (name.rfind("aten::", 0) != 0 && name.rfind("k7::", 0) != 0) return false;
    if (is_metadata(name)) return false;
    ++counts().by_name[name];
    if (waits.count(name) != 0) {
      ++counts().waits;
      counts().launches_before_wait = counts().launches;
    } else if (name == "k7::to_device") {
      ++counts().uploads;
      counts().launches_before_upload = counts().launches;
    } else {
      ++counts().launches;
    }
    return true;
  }

  /// Views, memory, and what only asks.
  static bool is_metadata(const std::string& name) {
    static const std::set<std::string> names{"aten::view",         "aten::_unsafe_view",
                                             "aten::reshape",      "aten::_reshape_alias",
                                             "aten::expand",       "aten::expand_as",
                                             "aten::transpose",    "aten::t",
                                             "aten::permute",      "aten::narrow",
                                             "aten::slice",        "aten::select",
                                             "aten::unsqueeze",    "aten::squeeze",
                                             "aten::diagonal",     "aten::detach",
                                             "aten::detach_",      "aten::alias",
                                             "aten::as_strided",   "aten::empty",
                                             "aten::empty_like",   "aten::empty_strided",
                                             "aten::new_empty",    "aten::new_empty_strided",
                                             "aten::resize_",      "aten::resize_as_",
                                             "aten::set_",         "aten::unbind",
                                             "aten::split",        "aten::flatten",
                                             "aten::unflatten",    "aten::to",
                                             "aten::contiguous",   "aten::item",
                                             "aten::is_nonzero",   "aten::result_type",
                                             "aten::lift_fresh",   "aten::resolve_conj",
                                             "aten::resolve_neg",  "aten::requires_grad_",
                                             "aten::mT",           "aten::mH",
                                             "aten::matrix_H",     "aten::adjoint",
                                             "aten::conj",         "aten::view_as",
                                             "aten::movedim",      "aten::is_pinned",
                                             "aten::unsafe_split", "aten::swapaxes",
                                             "aten::expand_copy",  "aten::_to_copy",
                                             "aten::cpu",          "aten::chunk",
                                             "aten::sum_to_size",  "aten::retain_grad",
                                             "aten::as_strided_",  "aten::squeeze_",
                                             "aten::transpose_"};
    return names.count(name) != 0;
  }

  at::CallbackHandle handle_;
};

}  // namespace k7::test
