// SPDX-License-Identifier: Apache-2.0
#include "apps/eigenfunction_files.hpp"

#include <filesystem>

#include "io/atomic_file.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/output.hpp"

namespace k7::apps {
namespace {

/// A file as seen from the folder of another; both may have had to go elsewhere.
std::string seen_from(const std::string& file, const std::string& other) {
  const std::filesystem::path path(file);
  const bool is_beside = path.parent_path() == std::filesystem::path(other).parent_path();
  return (is_beside ? path.filename() : std::filesystem::absolute(path)).string();
}

}  // namespace

void write_eigenfunctions(const std::string& path, const spectral::SpectrumReport& report,
                          const spectral::Places& places, const parallel::Communicator& comm,
                          cli::Outputs& outputs, Observer& observer) {
  const GlobalIndex n_rows = report.n_points + report.n_left_out;
  const std::string hdf5 = outputs.write(path, [&](const std::string& name) {
    spectral::write_eigenvectors(name, report.pairs, report.ids, n_rows, places, comm);
  });
  if (hdf5.empty()) return;
  const std::string obstacle = spectral::xdmf_obstacle(path);
  if (!obstacle.empty()) {
    observer.warn("there is no XDMF file beside --eigenvectors: " + obstacle);
    return;
  }
  outputs.write(spectral::xdmf_path(path), [&](const std::string& name) {
    parallel::agree_on_root(comm, [&] {
      io::write_text(
          name, spectral::xdmf_text(seen_from(hdf5, name), n_rows, report.pairs.values, places.projection));
    });
  });
}

}  // namespace k7::apps
