// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_file.hpp"

#include <hdf5.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/quote.hpp"
#include "io/unopened_file.hpp"
#include "k7/base/error.hpp"

namespace k7::io {
namespace {

static_assert(sizeof(hid_t) == sizeof(std::int64_t), "HDF5 1.10 or newer has 64-bit handles");

// How many files were given up. What was open then is never closed; what is opened later is.
int abandonments = 0;

constexpr double default_chunk_cache = 1 << 20;  // bytes, HDF5's own

// Characters or numbers of an attribute: HDF5 stores no more than 64 KiB unless told to, so that a larger
// length comes from a damaged file; taking so much memory on its word could end the program.
constexpr std::size_t longest_attribute = std::size_t{1} << 20;

/// An HDF5 handle and the function that closes it.
class Handle {
 public:
  Handle(hid_t id, herr_t (*closer)(hid_t)) : id_(id), closer_(closer) {}
  ~Handle() {
    if (id_ >= 0 && born_ == abandonments) closer_(id_);
  }
  Handle(Handle&& other) noexcept
      : id_(std::exchange(other.id_, -1)), closer_(other.closer_), born_(other.born_) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(id_, other.id_);
    std::swap(closer_, other.closer_);
    std::swap(born_, other.born_);
    return *this;
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  operator hid_t() const { return id_; }
  hid_t release() { return std::exchange(id_, -1); }

 private:
  hid_t id_;
  herr_t (*closer_)(hid_t);
  int born_ = abandonments;
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
  return shortened(text.substr(0, text.find('\n')), 200);  // it may hold names out of the file
}

/// HDF5 prints its error stack unless told not to; our messages carry the part that matters.
void silence_library() {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
}

[[noreturn]] void fail(const std::string& path, const std::string& item, const std::string& what) {
  throw InputError(path + (item.empty() ? "" : ": " + item) + ": " + what);
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

// The file that a link outside named when it was refused; HDF5's call has then failed.
std::string refused_link;

/// Properties for finding an object by its name: links into other files are not followed, or a message could
/// show what another file holds.
hid_t link_access(hid_t list_class) {
  const hid_t plist = H5Pcreate(list_class);
  H5Pset_elink_cb(
      plist,
      [](const char*, const char*, const char* file, const char*, unsigned*, hid_t, void*) -> herr_t {
        refused_link = file;
        return -1;
      },
      nullptr);
  return plist;
}

/// One list for all names.
hid_t lookup() {
  static const hid_t plist = link_access(H5P_LINK_ACCESS);
  return plist;
}

/// To be called when something was not found: it may lie in another file.
void refuse_link_outside(const std::string& path, const std::string& item) {
  if (refused_link.empty()) return;
  const std::string target = std::exchange(refused_link, "");
  fail(path, item,
       "is a link into another file, " + k7::quoted(target) +
           "; K7 reads files that stand alone: copy it with h5copy -f ext");
}

bool link_exists(hid_t file, const std::string& name) {
  // H5Lexists needs every parent to exist.
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1))
    if (H5Lexists(file, name.substr(0, slash).c_str(), lookup()) <= 0) return false;
  return H5Lexists(file, name.c_str(), lookup()) > 0;
}

/// Whether the HDF5 library can undo a filter; some are built to apply one only, or not at all.
bool can_undo(H5Z_filter_t filter) {
  unsigned abilities = 0;
  return H5Zfilter_avail(filter) > 0 && H5Zget_filter_info(filter, &abilities) >= 0 &&
         (abilities & H5Z_FILTER_CONFIG_DECODE_ENABLED) != 0;
}

/// Name and number of a filter that cannot be undone, for the message; empty where all can.
std::string unknown_filter(hid_t properties) {
  const int n = H5Pget_nfilters(properties);
  for (int i = 0; i < n; ++i) {
    unsigned flags = 0;
    std::size_t n_values = 0;
    std::array<char, 81> name{};
    const H5Z_filter_t filter = H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &n_values,
                                               nullptr, name.size() - 1, name.data(), nullptr);
    if (filter < 0 || can_undo(filter)) continue;
    const char* known = filter == H5Z_FILTER_SZIP ? "szip" : "without a name";
    return k7::quoted(name[0] == '\0' ? known : name.data()) + " (number " + std::to_string(filter) + ")";
  }
  return {};
}

/// Bytes of a chunk of a dataset, 0 where it has none. A double: what a damaged file says may be any number.
double chunk_bytes(hid_t dataset, hid_t properties) {
  if (H5Pget_layout(properties) != H5D_CHUNKED) return 0.0;
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const int rank = H5Pget_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
  const Handle type(H5Dget_type(dataset), H5Tclose);
  double bytes = static_cast<double>(H5Tget_size(type));
  for (int i = 0; i < rank; ++i) bytes *= static_cast<double>(chunk[static_cast<std::size_t>(i)]);
  return bytes;
}

}  // namespace

std::string shape_text(const Hdf5File::Shape& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

std::string read_obstacle(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return std::string("cannot be opened: ") + std::strerror(errno);
  if (S_ISDIR(status.st_mode)) return "is a folder; a file is needed";
  // Opening a pipe waits for a writer, and a device may never end.
  if (!S_ISREG(status.st_mode)) return "is not a regular file but a pipe, socket or device; a file is needed";
  if (::access(path.c_str(), R_OK) != 0) return std::string("cannot be opened: ") + std::strerror(errno);
  return {};
}

Hdf5File::Hdf5File(std::string path, std::int64_t file)
    : path_(std::move(path)), file_(file), born_(abandonments) {}

Hdf5File Hdf5File::open(const std::string& path) {
  silence_library();
  const std::string obstacle = read_obstacle(path);
  if (!obstacle.empty()) fail(path, "", obstacle);
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file >= 0) return Hdf5File(path, file);
  const std::string text = library_text();
  const std::string reason = unopened_reason(path);
  fail(path, "", reason.empty() ? "is not a readable HDF5 file, it may be truncated (" + text + ")" : reason);
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
    : path_(std::move(other.path_)),
      file_(std::exchange(other.file_, -1)),
      datasets_(std::exchange(other.datasets_, {})),
      born_(other.born_) {}

Hdf5File::~Hdf5File() {
  close_datasets();
  if (file_ >= 0 && born_ == abandonments) H5Fclose(file_);
}

void Hdf5File::close_datasets() const {
  if (born_ == abandonments)
    for (const auto& [name, dataset] : datasets_) H5Dclose(dataset);
  datasets_.clear();
}

void Hdf5File::flush() {
  if (H5Fflush(file_, H5F_SCOPE_LOCAL) < 0)
    fail(path_, "", "cannot be written, is the disk full? (" + library_text() + ")");
}

void Hdf5File::abandon() {
  if (std::exchange(file_, -1) >= 0) ++abandonments;
}

bool hdf5_abandoned() {
  return abandonments > 0;
}

void Hdf5File::close() {
  close_datasets();
  const hid_t file = std::exchange(file_, -1);
  const bool flushed = H5Fflush(file, H5F_SCOPE_LOCAL) >= 0;
  const std::string reason = flushed ? "" : library_text();
  if (H5Fclose(file) >= 0 && flushed) return;
  ++abandonments;
  fail(path_, "", "cannot be written, is the disk full? (" + reason + ")");
}

bool Hdf5File::has(const std::string& name) const {
  const bool exists = link_exists(file_, name);
  refuse_link_outside(path_, name);
  return exists;
}

std::int64_t Hdf5File::dataset(const std::string& name) const {
  const auto known = datasets_.find(name);
  if (known != datasets_.end()) return known->second;
  if (!has(name)) fail(path_, name, "no such dataset");
  const Handle access(link_access(H5P_DATASET_ACCESS), H5Pclose);
  Handle d(H5Dopen2(file_, name.c_str(), access), H5Dclose);
  refuse_link_outside(path_, name);
  if (d < 0) fail(path_, name, "is not a dataset");
  const Handle properties(H5Dget_create_plist(d), H5Pclose);
  if (H5Pget_layout(properties) == H5D_VIRTUAL)
    fail(
        path_, name,
        "is a virtual dataset, whose numbers lie elsewhere; K7 reads files that stand alone: rewrite it with "
        "h5repack -l CONTI IN OUT");
  if (H5Pget_external_count(properties) > 0)
    fail(path_, name,
         "has its numbers in another file (external storage); K7 reads files that stand alone: rewrite it "
         "with "
         "h5repack -l CONTI IN OUT");
  const std::string filter = unknown_filter(properties);
  if (!filter.empty())
    fail(
        path_, name,
        "is compressed with the filter " + filter +
            ", which K7 does not read; rewrite it with h5repack -f GZIP=1 IN OUT, where that has the filter");
  const double chunk = chunk_bytes(d, properties);
  if (chunk > default_chunk_cache) {
    require_stored(
        name, chunk, static_cast<double>(H5Dget_storage_size(d)),
        "has a chunk of " + std::to_string(static_cast<std::uint64_t>(chunk / (1 << 20))) + " MiB");
    // A chunk that does not fit the cache is decompressed anew for every block of rows.
    H5Pset_chunk_cache(access, H5D_CHUNK_CACHE_NSLOTS_DEFAULT, static_cast<std::size_t>(chunk),
                       H5D_CHUNK_CACHE_W0_DEFAULT);
    d = Handle(H5Dopen2(file_, name.c_str(), access), H5Dclose);
    if (d < 0) fail(path_, name, "cannot be opened (" + library_text() + ")");
  }
  constexpr std::size_t most_open = 16;
  if (datasets_.size() >= most_open) close_datasets();
  return datasets_[name] = d.release();
}

double Hdf5File::chunk_size(const std::string& dataset_name) const {
  const hid_t d = dataset(dataset_name);
  const Handle properties(H5Dget_create_plist(d), H5Pclose);
  return chunk_bytes(d, properties);
}

void Hdf5File::require_stored(const std::string& dataset, double bytes, double stored,
                              const std::string& what) const {
  constexpr double harmless = 1 << 26;
  constexpr double best_compression = 4096.0;  // no filter of HDF5 does better (deflate: 1032)
  hsize_t file_bytes = 0;                      // what a damaged file says of its chunks may be more
  H5Fget_filesize(file_, &file_bytes);
  if (bytes > harmless && bytes > best_compression * std::min(stored, static_cast<double>(file_bytes)))
    fail(path_, dataset,
         what + " but only " + std::to_string(static_cast<std::uint64_t>(stored)) +
             " bytes are stored; its rows were never written");
}

Hdf5File::Shape Hdf5File::shape(const std::string& dataset_name) const {
  const hid_t d = dataset(dataset_name);
  const Handle space(H5Dget_space(d), H5Sclose);
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || H5Sget_simple_extent_type(space) == H5S_NULL)
    fail(path_, dataset_name, "has no simple shape");
  std::vector<hsize_t> extent(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return {extent.begin(), extent.end()};
}

std::uint64_t Hdf5File::storage_size(const std::string& dataset_name) const {
  return H5Dget_storage_size(dataset(dataset_name));
}

void Hdf5File::require_data(const std::string& dataset_name) const {
  double bytes = sizeof(float);
  for (const auto n : shape(dataset_name)) bytes *= static_cast<double>(n);
  require_stored(dataset_name, bytes, static_cast<double>(storage_size(dataset_name)),
                 "has shape " + shape_text(shape(dataset_name)));
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
      &names, lookup());
  refuse_link_outside(path_, group);
  if (done < 0) fail(path_, group, "cannot be listed (" + library_text() + ")");
  return names;
}

void Hdf5File::create_group(const std::string& name) {
  const Handle g(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
  if (g < 0) fail(path_, name, "group cannot be created (" + library_text() + ")");
}

std::vector<double> Hdf5File::read(const std::string& dataset_name) const {
  require_data(dataset_name);
  std::uint64_t total = 1;
  for (const auto n : shape(dataset_name)) total *= n;
  std::vector<double> values(total);
  if (H5Dread(dataset(dataset_name), H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail(path_, dataset_name, "cannot be read (" + library_text() + ")");
  return values;
}

void Hdf5File::transfer(const std::string& dataset_name, std::uint64_t begin, std::uint64_t count,
                        std::int64_t memory_type, void* out, const void* in) const {
  const Shape extent = shape(dataset_name);
  if (extent.empty()) fail(path_, dataset_name, "has no rows, it is a single number");
  const hid_t d = dataset(dataset_name);
  const Handle type(H5Dget_type(d), H5Tclose);
  const H5T_class_t wanted = memory_type == H5T_NATIVE_DOUBLE ? H5T_FLOAT : H5T_INTEGER;
  if (H5Tget_class(type) != wanted)
    fail(path_, dataset_name,
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
  const herr_t done = in == nullptr ? H5Dread(d, memory_type, memory_space, file_space, H5P_DEFAULT, out)
                                    : H5Dwrite(d, memory_type, memory_space, file_space, H5P_DEFAULT, in);
  if (done < 0)
    fail(path_, dataset_name,
         "rows " + std::to_string(begin) + ".." + std::to_string(begin + count) +
             (in == nullptr ? " cannot be read, the file may be damaged ("
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
  return H5Aexists_by_name(file_, object.c_str(), name.c_str(), lookup()) > 0;
}

std::string Hdf5File::string_attribute(const std::string& object, const std::string& name) const {
  const Handle a(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, lookup()), H5Aclose);
  if (a < 0) fail(path_, "attribute " + name, "is missing");
  const Handle type(H5Aget_type(a), H5Tclose);
  const Handle space(H5Aget_space(a), H5Sclose);
  if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1)
    fail(path_, "attribute " + name, "is not a text");
  std::string text;
  if (H5Tis_variable_str(type) > 0) {
    char* value = nullptr;
    const Handle memory(H5Tcopy(type), H5Tclose);
    if (H5Aread(a, memory, &value) < 0 || value == nullptr)
      fail(path_, "attribute " + name, "cannot be read");
    text = value;
    H5free_memory(value);
    if (text.size() > longest_attribute)
      fail(path_, "attribute " + name, "is too long, the file may be damaged");
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
  const Handle a(H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, lookup()), H5Aclose);
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
