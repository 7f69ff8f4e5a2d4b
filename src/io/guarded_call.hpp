// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

namespace k7::io {

/// How a guarded call ended.
enum class CallEnd { returned, crashed, endless };

/// Runs C code that a damaged file may crash or keep busy for ever: HDF5 1.10 trusts lengths and addresses
/// that it finds in global heaps (variable-length texts) and elsewhere. A segmentation fault, a bus error or
/// more than 5 s of processor time (waiting for a file system takes none) ends the call. The library is then
/// in no state to be used again, not even to close files: the program has to end without it, see
/// hdf5_abandoned(). `work` is left by a jump: it must hold no C++ objects that need their destructors. Main
/// thread only, not nested; what `work` throws is not caught.
CallEnd guarded_call(const std::function<void()>& work);

}  // namespace k7::io
