// SPDX-License-Identifier: Apache-2.0
#include "io/field_file.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "base/quote.hpp"
#include "io/structure_check.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::io {
namespace {

using geometry::dim;
using geometry::n_phi;

std::string not_finite_text(double x) {
  return std::string(std::isnan(x) ? "NaN" : "infinite") + "; finite numbers are needed";
}

void require_file(const FieldAddress& address) {
  if (address.path.empty())
    throw InputError("--fields " + address.path + ":" + address.group +
                     " names no file; FILE.h5:/group or FILE.h5 is needed");
  std::error_code ignored;
  if (!std::filesystem::exists(address.path, ignored))
    throw InputError(address.path +
                     ": no such file; --fields needs FILE.h5:/group, or FILE.h5 for the file's root");
}

}  // namespace

FieldAddress::FieldAddress(const std::string& text) {
  const std::size_t colon = text.rfind(":/");
  path = text.substr(0, colon);
  group = colon == std::string::npos ? "/" : text.substr(colon + 1);
  while (group.size() > 1 && group.back() == '/') group.pop_back();
  if (group.back() != '/') group += '/';
}

FieldReader::FieldReader(const FieldAddress& address, const parallel::Communicator& comm)
    : group_(address.group), file_([&] {
        parallel::agree_on_root(comm, [&] { require_file(address); });
        return open_on_all_ranks(address.path, comm);
      }()) {
  parallel::agree(comm, [&] {
    check_group();
    check_rows();
    read_structure();
  });
}

void FieldReader::read(GlobalIndex begin, GlobalIndex count, std::vector<double>& phi,
                       std::vector<double>& derivatives) const {
  phi.resize(static_cast<std::size_t>(count) * n_phi);
  derivatives.resize(static_cast<std::size_t>(count) * dim * n_phi);
  for (const auto& [name, values] : {std::pair{"phi", &phi}, std::pair{"E_phi", &derivatives}}) {
    file_.read_rows(group_ + name, static_cast<std::uint64_t>(begin), static_cast<std::uint64_t>(count),
                    values->data());
    const auto bad = std::find_if(values->begin(), values->end(), [](double x) { return !std::isfinite(x); });
    if (bad == values->end()) continue;
    const auto row = (bad - values->begin()) / (static_cast<GlobalIndex>(values->size()) / count);
    fail(name, "row " + std::to_string(begin + row) + " holds a number that is " + not_finite_text(*bad));
  }
}

void FieldReader::fail(const std::string& name, const std::string& what) const {
  throw InputError(file_.path() + ": " + group_ + name + ": " + what);
}

void FieldReader::check_group() const {
  if (group_ == "/") return;
  const std::string name = group_.substr(0, group_.size() - 1);
  if (file_.has(name)) {
    file_.list(name);  // throws where it is not a group
    return;
  }
  std::string others;
  for (const auto& link : file_.list("/")) others += (others.empty() ? "" : ", ") + link;
  throw InputError(file_.path() + ": " + name + ": no such group; the file's root holds " +
                   (others.empty() ? "nothing" : shortened(others)));
}

Hdf5File::Shape FieldReader::shape_of(const std::string& name, const std::string& needed) const {
  if (!file_.has(group_ + name)) fail(name, "is missing; " + needed);
  return file_.shape(group_ + name);
}

void FieldReader::check_rows() {
  const std::string need_phi = "shape (M, 35) is needed, the components of phi, i < j < k in order";
  const auto phi = shape_of("phi", need_phi);
  if (phi.size() != 2 || phi[1] != n_phi) fail("phi", "has shape " + shape_text(phi) + "; " + need_phi);
  if (phi[0] == 0) fail("phi", "has no rows; at least 1 is needed");
  const Hdf5File::Shape wanted{phi[0], dim, n_phi};
  const std::string need_derivatives =
      "shape " + shape_text(wanted) +
      " is needed, [m, a, I] = derivative of component I of phi along frame vector E_a in row m of phi";
  const auto derivatives =
      shape_of("E_phi", need_derivatives + " (sample files of k7_sample have none: use --model)");
  if (derivatives != wanted) fail("E_phi", "has shape " + shape_text(derivatives) + "; " + need_derivatives);
  for (const char* name : {"phi", "E_phi"}) file_.require_data(group_ + name);
  double none = 0.0;  // a read of no rows checks the types
  for (const char* name : {"phi", "E_phi"}) file_.read_rows(group_ + name, 0, 0, &none);
  n_rows_ = static_cast<GlobalIndex>(phi[0]);
}

void FieldReader::read_structure() {
  if (!file_.has(group_ + "structure")) return;  // a coordinate frame
  const Hdf5File::Shape wanted{dim, dim, dim};
  const auto shape = file_.shape(group_ + "structure");
  if (shape != wanted)
    fail("structure", "has shape " + shape_text(shape) + "; " + shape_text(wanted) +
                          " is needed, C[c, a, b] with [E_a, E_b] = C[c, a, b] E_c");
  file_.read_rows(group_ + "structure", 0, dim, structure_.data());
  const std::string defect = structure_defect(structure_);
  if (!defect.empty()) fail("structure", defect);
}

}  // namespace k7::io
