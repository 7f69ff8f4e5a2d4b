// SPDX-License-Identifier: Apache-2.0
#include "io/hdf5_reader.hpp"

#include <algorithm>
#include <cstring>

#include "base/quote.hpp"
#include "io/reader_process.hpp"
#include "k7/base/error.hpp"
#include "k7/parallel/agree.hpp"

namespace k7::io {
namespace {

constexpr std::size_t block_bytes = std::size_t{4} << 20;  ///< of rows that travel at a time
constexpr std::size_t longest_text = std::size_t{1} << 20;
constexpr std::size_t longest_list = std::size_t{64} << 20;

enum class Task : char {
  open,
  has,
  shape,
  storage_size,
  require_data,
  list,
  read_single,
  read_rows,
  has_attribute,
  text,
  numbers
};

template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return values.empty()
             ? std::string()
             : std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

template <class T>
std::vector<T> values_of(const std::string& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

std::string joined(const std::vector<std::string>& names) {
  std::string bytes;
  for (const auto& name : names) bytes += name + '\0';
  return bytes;
}

std::vector<std::string> split(const std::string& bytes) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin < bytes.size();) {
    const std::size_t end = std::min(bytes.find('\0', begin), bytes.size());
    names.push_back(bytes.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

/// Numbers in a row. A damaged shape may have more than can be counted.
std::uint64_t row_width(const Hdf5File::Shape& shape, const std::string& dataset) {
  constexpr double most = 1e15;
  double product = 1.0;
  for (std::size_t i = 1; i < shape.size(); ++i) product *= static_cast<double>(shape[i]);
  if (product > most)
    throw InputError(dataset + ": has shape " + shape_text(shape) + "; rows cannot be so wide");
  return static_cast<std::uint64_t>(product);
}

}  // namespace

/// What travels to the other process.
struct Hdf5Reader::Request {
  Task task;
  std::string object;
  std::string name = {};
  std::uint64_t begin = 0;
  std::uint64_t count = 0;

  std::string bytes() const {
    return std::string(1, static_cast<char>(task)) + bytes_of(std::vector<std::uint64_t>{begin, count}) +
           object + '\0' + name;
  }

  static Request of(const std::string& bytes) {
    constexpr std::size_t head = 1 + 2 * sizeof(std::uint64_t);
    const auto numbers = values_of<std::uint64_t>(bytes.substr(1, head - 1));
    const std::size_t end = bytes.find('\0', head);
    return {static_cast<Task>(bytes.front()), bytes.substr(head, end - head), bytes.substr(end + 1),
            numbers[0], numbers[1]};
  }

  /// In the other process.
  std::string answer(std::unique_ptr<Hdf5File>& file) const {
    constexpr double ample = 5.0;  // seconds
    allow_processor_seconds(ample);
    if (task == Task::open) {
      file = std::make_unique<Hdf5File>(Hdf5File::open(object));
      return {};
    }
    switch (task) {
      case Task::has:
        return file->has(object) ? "1" : "0";
      case Task::shape:
        return bytes_of(file->shape(object));
      case Task::storage_size:
        return bytes_of(std::vector<std::uint64_t>{file->storage_size(object)});
      case Task::require_data:
        file->require_data(object);
        return {};
      case Task::list:
        return joined(file->list(object));
      case Task::read_single:
        return bytes_of(file->read(object));
      case Task::read_rows:
        return rows(*file);
      case Task::has_attribute:
        return file->has_attribute(object, name) ? "1" : "0";
      case Task::text:
        return file->string_attribute(object, name);
      default:
        return bytes_of(file->numbers_attribute(object, name));
    }
  }

 private:
  std::string rows(const Hdf5File& file) const {
    constexpr double ample = 5.0;              // seconds
    constexpr double slow = 16.0 * (1 << 20);  // bytes per second
    const std::uint64_t width = row_width(file.shape(object), object);
    const double bytes = static_cast<double>(count * width) * sizeof(double);
    // A chunk is decompressed whole, however few of its rows are wanted.
    allow_processor_seconds(ample + (bytes + 2.0 * file.chunk_size(object)) / slow);
    std::vector<double> values(count * width);
    file.read_rows(object, begin, count, values.data());
    return bytes_of(values);
  }
};

Hdf5Reader::Hdf5Reader(const std::string& path)
    : path_(path), process_(std::make_unique<ReaderProcess>([] {
        auto file = std::make_shared<std::unique_ptr<Hdf5File>>();
        return [file](const std::string& request) { return Request::of(request).answer(*file); };
      })) {
  ask({Task::open, path}, 0);
}

Hdf5Reader::~Hdf5Reader() = default;
Hdf5Reader::Hdf5Reader(Hdf5Reader&& other) noexcept = default;

std::string Hdf5Reader::ask(const Request& request, std::size_t most) const {
  using End = ReaderProcess::End;
  End end = End::none;
  std::string answer = process_->call(request.bytes(), most, end);
  if (end == End::none) return answer;
  const std::string item = !request.name.empty()        ? "attribute " + request.name + ": "
                           : request.task == Task::open ? ""
                                                        : shortened(request.object) + ": ";
  std::string what = "is damaged: reading it crashes the HDF5 library";
  if (end == End::endless) what = "is damaged: reading it does not end inside the HDF5 library";
  if (end == End::killed)
    what = "cannot be read: the process that read it was killed; is there enough memory?";
  throw InputError(path_ + ": " + item + what);
}

/// A process whose memory is damaged may answer anything.
std::string Hdf5Reader::ask_exactly(const Request& request, std::size_t bytes) const {
  const std::string answer = ask(request, bytes);
  if (answer.size() != bytes)
    throw InputError(path_ + ": " + shortened(request.object) + ": is damaged: reading it gives no sense");
  return answer;
}

bool Hdf5Reader::has(const std::string& name) const {
  return ask_exactly({Task::has, name}, 1) == "1";
}

Hdf5Reader::Shape Hdf5Reader::shape(const std::string& dataset) const {
  // The first answer stands: callers have made room for it, and a process whose memory is damaged could give
  // another one later.
  const auto known = shapes_.find(dataset);
  if (known != shapes_.end()) return known->second;
  constexpr std::size_t highest_rank = 32;
  return shapes_[dataset] =
             values_of<std::uint64_t>(ask({Task::shape, dataset}, highest_rank * sizeof(std::uint64_t)));
}

std::uint64_t Hdf5Reader::storage_size(const std::string& dataset) const {
  return values_of<std::uint64_t>(ask_exactly({Task::storage_size, dataset}, sizeof(std::uint64_t)))[0];
}

void Hdf5Reader::require_data(const std::string& dataset) const {
  ask({Task::require_data, dataset}, 0);
}

std::vector<std::string> Hdf5Reader::list(const std::string& group) const {
  return split(ask({Task::list, group}, longest_list));
}

std::vector<double> Hdf5Reader::read(const std::string& dataset) const {
  require_data(dataset);
  const Shape extent = shape(dataset);
  if (extent.empty()) return values_of<double>(ask_exactly({Task::read_single, dataset}, sizeof(double)));
  std::uint64_t total = 1;
  for (const auto n : extent) total *= n;
  std::vector<double> values(total);
  read_rows(dataset, 0, extent[0], values.data());
  return values;
}

void Hdf5Reader::read_rows(const std::string& dataset, std::uint64_t begin, std::uint64_t count,
                           double* out) const {
  const std::uint64_t width = row_width(shape(dataset), path_ + ": " + dataset);
  const std::uint64_t row_bytes = std::max<std::uint64_t>(1, width * sizeof(double));
  const std::uint64_t step = std::max<std::uint64_t>(1, block_bytes / row_bytes);
  std::uint64_t done = 0;
  do {  // once without rows too: it checks the type
    const std::uint64_t n = std::min(step, count - done);
    const std::string bytes =
        ask_exactly({Task::read_rows, dataset, {}, begin + done, n}, n * width * sizeof(double));
    if (n > 0) std::memcpy(out + done * width, bytes.data(), bytes.size());
    done += n;
  } while (done < count);
}

bool Hdf5Reader::has_attribute(const std::string& object, const std::string& name) const {
  return ask_exactly({Task::has_attribute, object, name}, 1) == "1";
}

std::string Hdf5Reader::string_attribute(const std::string& object, const std::string& name) const {
  return ask({Task::text, object, name}, longest_text);
}

std::vector<double> Hdf5Reader::numbers_attribute(const std::string& object, const std::string& name) const {
  auto values = values_of<double>(ask({Task::numbers, object, name}, longest_list));
  if (values.empty()) throw InputError(path_ + ": attribute " + name + ": is not a number");
  return values;
}

double Hdf5Reader::number_attribute(const std::string& object, const std::string& name) const {
  return numbers_attribute(object, name).front();
}

Hdf5Reader open_on_all_ranks(const std::string& path, const parallel::Communicator& comm) {
  std::unique_ptr<Hdf5Reader> file;
  parallel::agree(comm, [&] { file = std::make_unique<Hdf5Reader>(path); });
  return std::move(*file);
}

}  // namespace k7::io
