// SPDX-License-Identifier: Apache-2.0
#include "k7/io/hdf5_file.hpp"

#include <hdf5.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "io/guarded_call.hpp"
#include "k7/error.hpp"

namespace k7::io {
namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "HDF5 1.10 or newer has 64-bit handles");

bool abandoned = false;

// Characters or numbers of an attribute: HDF5 stores no more than 64 KiB unless told to, so that a larger
// length comes from a damaged file; taking so much memory on its word could end the program.
constexpr std::size_t longest_attribute = std::size_t{1} << 20;

/// An HDF5 handle and the function that closes it.
class Handle {
 public:
  Handle(hid_t id, herr_t (*closer)(hid_t)) : id_(id), closer_(closer) {}
  ~Handle() {
    if (id_ >= 0 && !abandoned) closer_(id_);
  }
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), closer_(other.closer_) {}
  Handle& operator=(Handle&&) = delete;
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*closer_)(hid_t);
};

/// HDF5's own description of the innermost error.
std::string library_text() {
  std::string text;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned n, const H5E_error2_t* error, void* out) -> herr_t {
        if (n == 0 && error->desc != nullptr) *static_cast<std::string*>(out) = error->desc;
        return 0;
      },
      &text);
  return text.substr(0, text.find('\n'));
}

/// HDF5 prints its error stack unless told not to; our messages carry the part that matters.
void silence_library() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

[[noreturn]] void fail(const std::string& path, const std::string& item, const std::string& what) {
  throw InputError(path + (item.empty() ? "" : ": " + item) + ": " + what);
}

/// Calls HDF5 where a damaged file is known to crash it or to keep it busy; see guarded_call.
template <class Work>
void guarded(const std::string& path, const std::string& item, const Work& work) {
  const CallEnd end = guarded_call(work);
  if (end == CallEnd::returned) return;
  abandoned = true;
  fail(path, item,
       std::string("is damaged: reading it ") +
           (end == CallEnd::crashed ? "crashes the HDF5 library" : "does not end inside the HDF5 library"));
}

Handle access_properties(const parallel::Communicator* comm) {
  Handle plist(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (comm != nullptr) H5Pset_fapl_mpio(plist, comm->handle(), MPI_INFO_NULL);
  return plist;
}

hid_t file_type(Hdf5File::Type type) {
  switch (type) {
    case Hdf5File::Type::float64:
      return H5T_IEEE_F64LE;
    case Hdf5File::Type::float32:
      return H5T_IEEE_F32LE;
    default:
      return H5T_STD_I64LE;
  }
}

bool link_exists(hid_t file, const std::string& name) {
  // H5Lexists needs every parent to exist.
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1))
    if (H5Lexists(file, name.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
  return H5Lexists(file, name.c_str(), H5P_DEFAULT) > 0;
}

}  // namespace

Hdf5File Hdf5File::open(const std::string& path, const parallel::Communicator* comm) {
  silence_library();
  const std::ifstream probe(path);
  if (!probe) fail(path, "", std::string("cannot be opened: ") + std::strerror(errno));
  if (comm == nullptr && H5Fis_hdf5(path.c_str()) <= 0) fail(path, "", "is not an HDF5 file");
  const Handle plist = access_properties(comm);
  hid_t file = -1;
  guarded(path, "", [&] { file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, plist); });
  if (file < 0) fail(path, "", "is not a readable HDF5 file, it may be truncated (" + library_text() + ")");
  return Hdf5File(path, file);
}

Hdf5File Hdf5File::create(const std::string& path, const parallel::Communicator* comm,
                          const std::string& name) {
  silence_library();
  const Handle plist = access_properties(comm);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, plist);
  if (file < 0) fail(name.empty() ? path : name, "", "cannot be created (" + library_text() + ")");
  return Hdf5File(name.empty() ? path : name, file);
}

Hdf5File Hdf5File::create_in_memory(const std::string& path) {
  silence_library();
  const Handle plist(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  constexpr std::size_t growth = std::size_t{4} << 20;
  H5Pset_fapl_core(plist, growth, /*backing_store=*/0);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, plist);
  if (file < 0) fail(path, "", "cannot be created (" + library_text() + ")");
  return Hdf5File(path, file);
}

std::string Hdf5File::image() const {
  H5Fflush(file_, H5F_SCOPE_LOCAL);
  const ssize_t size = H5Fget_file_image(file_, nullptr, 0);
  if (size < 0) fail(path_, "", "cannot be finished (" + library_text() + ")");
  std::string bytes(static_cast<std::size_t>(size), '\0');
  H5Fget_file_image(file_, bytes.data(), bytes.size());
  return bytes;
}

Hdf5File::Hdf5File(Hdf5File&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

Hdf5File::~Hdf5File() {
  if (file_ >= 0 && !abandoned) H5Fclose(file_);
}

void Hdf5File::flush() {
  if (H5Fflush(file_, H5F_SCOPE_LOCAL) < 0)
    fail(path_, "", "cannot be written, is the disk full? (" + library_text() + ")");
}

void Hdf5File::abandon() {
  if (std::exchange(file_, -1) >= 0) abandoned = true;
}

bool hdf5_abandoned() {
  return abandoned;
}

void Hdf5File::close() {
  const hid_t file = std::exchange(file_, -1);
  const bool flushed = H5Fflush(file, H5F_SCOPE_LOCAL) >= 0;
  const std::string reason = flushed ? "" : library_text();
  if (H5Fclose(file) >= 0 && flushed) return;
  abandoned = true;
  fail(path_, "", "cannot be written, is the disk full? (" + reason + ")");
}

bool Hdf5File::has(const std::string& name) const {
  return link_exists(file_, name);
}

Hdf5File::Shape Hdf5File::shape(const std::string& dataset) const {
  if (!has(dataset)) fail(path_, dataset, "no such dataset");
  const Handle d(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (d < 0) fail(path_, dataset, "is not a dataset");
  const Handle space(H5Dget_space(d), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0) fail(path_, dataset, "has no simple shape");
  std::vector<hsize_t> extent(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return {extent.begin(), extent.end()};
}

std::uint64_t Hdf5File::storage_size(const std::string& dataset) const {
  if (!has(dataset)) fail(path_, dataset, "no such dataset");
  const Handle d(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (d < 0) fail(path_, dataset, "is not a dataset");
  return H5Dget_storage_size(d);
}

std::vector<std::string> Hdf5File::list(const std::string& group) const {
  if (!has(group)) fail(path_, group, "no such group");
  std::vector<std::string> names;
  const herr_t done = H5Literate_by_name(
      file_, group.c_str(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
      [](hid_t, const char* name, const H5L_info_t*, void* out) -> herr_t {
        static_cast<std::vector<std::string>*>(out)->emplace_back(name);
        return 0;
      },
      &names, H5P_DEFAULT);
  if (done < 0) fail(path_, group, "cannot be listed (" + library_text() + ")");
  return names;
}

void Hdf5File::create_group(const std::string& name) {
  const Handle g(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (g < 0) fail(path_, name, "group cannot be created (" + library_text() + ")");
}

std::vector<double> Hdf5File::read(const std::string& dataset) const {
  const Shape extent = shape(dataset);
  std::uint64_t total = 1;
  for (const auto n : extent) total *= n;
  std::vector<double> values(total);
  const Handle d(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  if (H5Dread(d, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail(path_, dataset, "cannot be read (" + library_text() + ")");
  return values;
}

void Hdf5File::transfer(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                        std::int64_t memory_type, void* out, const void* in) const {
  const Shape extent = shape(dataset);
  const Handle d(H5Dopen2(file_, dataset.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(d), H5Tclose);
  const H5T_class_t wanted = memory_type == H5T_NATIVE_DOUBLE ? H5T_FLOAT : H5T_INTEGER;
  if (H5Tget_class(type) != wanted)
    fail(path_, dataset,
         wanted == H5T_FLOAT ? "has the wrong type; float64 or float32 is needed"
                             : "has the wrong type; integers are needed");
  std::vector<hsize_t> start(extent.size(), 0);
  std::vector<hsize_t> block(extent.begin(), extent.end());
  start[0] = begin;
  block[0] = count;
  const Handle file_space(H5Dget_space(d), H5Sclose);
  const Handle memory_space(H5Screate_simple(static_cast<int>(block.size()), block.data(), nullptr),
                            H5Sclose);
  if (count == 0) {
    H5Sselect_none(file_space);
    H5Sselect_none(memory_space);
  } else {
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start.data(), nullptr, block.data(), nullptr);
  }
  const herr_t done = out != nullptr ? H5Dread(d, memory_type, memory_space, file_space, H5P_DEFAULT, out)
                                     : H5Dwrite(d, memory_type, memory_space, file_space, H5P_DEFAULT, in);
  if (done < 0)
    fail(path_, dataset,
         "rows " + std::to_string(begin) + ".." + std::to_string(begin + count) +
             (out != nullptr ? " cannot be read, the file may be damaged ("
                             : " cannot be written, is the disk full? (") +
             library_text() + ")");
}

void Hdf5File::read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                         double* out) const {
  transfer(dataset, begin, count, H5T_NATIVE_DOUBLE, out, nullptr);
}

void Hdf5File::read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                         std::int64_t* out) const {
  transfer(dataset, begin, count, H5T_NATIVE_INT64, out, nullptr);
}

void Hdf5File::create_dataset(const std::string& dataset, const Shape& shape, Type type,
                              std::uint64_t chunk_rows) {
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  const Handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose);
  const Handle links(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(links, 1);
  const Handle plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // Space is taken now, so that a full disk shows here; every row will be written, so nothing is filled in.
  H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER);
  if (chunk_rows > 0 && extent[0] > 0) {
    std::vector<hsize_t> chunk = extent;
    chunk[0] = std::min<hsize_t>(chunk_rows, extent[0]);
    H5Pset_chunk(plist, static_cast<int>(chunk.size()), chunk.data());
  }
  const Handle d(H5Dcreate2(file_, dataset.c_str(), file_type(type), space, links, plist, H5P_DEFAULT),
                 H5Dclose);
  if (d < 0) fail(path_, dataset, "cannot be created, is the disk full? (" + library_text() + ")");
}

void Hdf5File::write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                          const double* data) {
  transfer(dataset, begin, count, H5T_NATIVE_DOUBLE, nullptr, data);
}

void Hdf5File::write_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                          const std::int64_t* data) {
  transfer(dataset, begin, count, H5T_NATIVE_INT64, nullptr, data);
}

void Hdf5File::write(const std::string& dataset, const Shape& shape, const double* data) {
  create_dataset(dataset, shape, Type::float64);
  write_rows(dataset, 0, shape.empty() ? 0 : shape[0], data);
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::string Hdf5File::string_attribute(const std::string& object, const std::string& name) const {
  const Handle a(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (a < 0) fail(path_, "attribute " + name, "is missing");
  const Handle type(H5Aget_type(a), H5Tclose);
  const Handle space(H5Aget_space(a), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
    fail(path_, "attribute " + name, "is not a text");
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* value = nullptr;
    const Handle memory(H5Tcopy(type), H5Tclose);
    herr_t done = -1;
    guarded(path_, "attribute " + name, [&] { done = H5Aread(a, memory, &value); });
    if (done < 0 || value == nullptr) fail(path_, "attribute " + name, "cannot be read");
    text = value;
    H5free_memory(value);
  } else {
    const std::size_t size = H5Tget_size(type);
    if (size > longest_attribute) fail(path_, "attribute " + name, "is too long, the file may be damaged");
    text.resize(size);
    if (H5Aread(a, type, text.data()) < 0) fail(path_, "attribute " + name, "cannot be read");
    text.resize(std::min(text.size(), text.find('\0')));
  }
  return text;
}

std::vector<double> Hdf5File::numbers_attribute(const std::string& object, const std::string& name) const {
  const Handle a(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (a < 0) fail(path_, "attribute " + name, "is missing");
  const Handle type(H5Aget_type(a), H5Tclose);
  const H5T_class_t kind = H5Tget_class(type);
  const Handle space(H5Aget_space(a), H5Sclose);
  const hssize_t n = H5Sget_simple_extent_npoints(space);
  if ((kind != H5T_FLOAT && kind != H5T_INTEGER) || n < 1)
    fail(path_, "attribute " + name, "is not a number");
  if (n > static_cast<hssize_t>(longest_attribute))
    fail(path_, "attribute " + name, "has too many numbers, the file may be damaged");
  std::vector<double> values(static_cast<std::size_t>(n));
  if (H5Aread(a, H5T_NATIVE_DOUBLE, values.data()) < 0) fail(path_, "attribute " + name, "cannot be read");
  return values;
}

double Hdf5File::number_attribute(const std::string& object, const std::string& name) const {
  return numbers_attribute(object, name).front();
}

namespace {

void write_attribute(hid_t file, const std::string& path, const std::string& object, const std::string& name,
                     hid_t type, hid_t space, const void* value) {
  if (H5Aexists_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT) > 0)
    H5Adelete_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT);
  const Handle a(H5Acreate_by_name(file, object.c_str(), name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT,
                                   H5P_DEFAULT),
                 H5Aclose);
  if (a < 0 || H5Awrite(a, type, value) < 0)
    fail(path, "attribute " + name, "cannot be written (" + library_text() + ")");
}

}  // namespace

void Hdf5File::set_attribute(const std::string& object, const std::string& name, const std::string& value) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type, std::max<std::size_t>(value.size(), 1));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  const std::string padded = value.empty() ? std::string(1, '\0') : value;
  write_attribute(file_, path_, object, name, type, space, padded.data());
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::int64_t value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  write_attribute(file_, path_, object, name, H5T_NATIVE_INT64, space, &value);
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, double value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose);
  write_attribute(file_, path_, object, name, H5T_NATIVE_DOUBLE, space, &value);
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name,
                             const std::vector<double>& value) {
  const hsize_t n = value.size();
  const Handle space(H5Screate_simple(1, &n, nullptr), H5Sclose);
  write_attribute(file_, path_, object, name, H5T_NATIVE_DOUBLE, space, value.data());
}

}  // namespace k7::io
