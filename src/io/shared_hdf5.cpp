// SPDX-License-Identifier: Apache-2.0
#include "io/shared_hdf5.hpp"

#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::io {

std::uint64_t SharedHdf5Output::space(std::uint64_t bytes) {
  constexpr std::uint64_t structure = std::uint64_t{1} << 16;  // headers and chunk index
  return bytes + bytes / 100 + structure;
}

SharedHdf5Output::SharedHdf5Output(const std::string& path, const parallel::Communicator& comm,
                                   std::uint64_t bytes)
    : comm_(comm) {
  parallel::agree_on_root(comm, [&] {
    output_ = std::make_unique<AtomicFile>(path);
    output_->check_space(space(bytes));
  });
  std::string temporary = output_ ? output_->temporary() : "";
  comm.broadcast(temporary);
  parallel::agree(comm,
                  [&] { file_ = std::make_unique<Hdf5File>(Hdf5File::create(temporary, &comm, path)); });
}

SharedHdf5Output::~SharedHdf5Output() {
  if (file_) file_->abandon();
}

void SharedHdf5Output::commit() {
  parallel::agree(comm_, [&] { file_->flush(); });
  parallel::agree(comm_, [&] { file_->close(); });
  parallel::agree_on_root(comm_, [&] { output_->commit(); });
}

}  // namespace k7::io
