// SPDX-License-Identifier: Apache-2.0
#include "python/calls.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>

#include "base/blas.hpp"
#include "parallel/threads.hpp"

namespace k7::python {
namespace {

const char* class_of(Fault fault) {
  switch (fault) {
    case Fault::bad_input:
      return "InputError";
    case Fault::numerical:
      return "NumericalError";
    case Fault::internal:
      break;
  }
  return "InternalError";
}

void set_error(const char* name, const char* text) {
  const py::object type = py::module_::import("k7._errors").attr(name);
  PyErr_SetString(type.ptr(), text);
}

[[noreturn]] void abort_all(const parallel::Communicator& comm, const char* text) {
  std::fprintf(stderr, "k7: error: rank %d of %d: %s\n", comm.rank(), comm.size(), text);
  std::fflush(stderr);
  MPI_Abort(comm.handle(), 1);
  std::abort();  // MPI_Abort does not return
}

}  // namespace

MPI_Comm comm_at(CommAddress address) {
  return address == 0 ? MPI_COMM_SELF : *reinterpret_cast<const MPI_Comm*>(address);
}

void translate_errors() {
  py::register_local_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Stopped& e) {
      set_error("Stopped", e.what());
    } catch (const Error& e) {
      set_error(class_of(e.fault()), e.what());
    }
  });
}

void PythonObserver::info(const std::string& line) {
  guard([&] { listener_.attr("info")(line); });
}

void PythonObserver::warn(const std::string& line) {
  guard([&] { listener_.attr("warn")(line); });
}

void PythonObserver::progress(const std::string& label, std::int64_t done, std::int64_t total,
                              const std::string& note) {
  guard([&] { listener_.attr("progress")(label, done, total, note); });
}

void PythonObserver::epoch(std::int64_t number, double loss) {
  guard([&] { listener_.attr("epoch")(number, loss); });
}

bool PythonObserver::stop_requested() {
  bool wanted = false;
  const bool is_good = guard([&] {
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
    wanted = listener_.attr("stop_requested")().cast<bool>();
  });
  return wanted || !is_good;
}

bool PythonObserver::guard(const std::function<void()>& call) {
  if (failure_) return false;
  const py::gil_scoped_acquire lock;
  try {
    call();
  } catch (const py::error_already_set& e) {
    failure_ = e;
  }
  return !failure_;
}

void PythonObserver::raise() {
  throw py::error_already_set(*failure_);
}

std::string PythonObserver::failure_text() const {
  const py::gil_scoped_acquire lock;
  const py::str text(failure_->value());
  const py::object name = failure_->type().attr("__name__");
  return name.cast<std::string>() + ": " + text.cast<std::string>();
}

void run(const parallel::Communicator& comm, PythonObserver& observer, const std::function<void()>& work) {
  bool is_stopped = false;
  {
    const py::gil_scoped_release others;
    try {
      work();
      is_stopped = comm.max(GlobalIndex{observer.has_failed() ? 1 : 0}) > 0;
    } catch (const Stopped&) {
      is_stopped = true;
    } catch (const CollectiveError&) {
      if (!observer.has_failed()) throw;
      is_stopped = true;
    } catch (const std::exception& e) {
      if (comm.size() > 1) abort_all(comm, e.what());
      if (!observer.has_failed()) throw;
      is_stopped = true;
    }
  }
  if (observer.has_failed()) observer.raise();
  if (is_stopped) throw Stopped();
}

int use_threads(int wanted, const parallel::Communicator& comm) {
  const int threads = wanted > 0 ? wanted : parallel::threads_per_rank(comm);
  set_blas_threads(threads);
  return threads;
}

Rows array_of(const std::vector<double>& values, std::vector<py::ssize_t> shape) {
  Rows array(std::move(shape));
  std::copy(values.begin(), values.end(), array.mutable_data());
  return array;
}

std::vector<double> vector_of(const Rows& rows) {
  return {rows.data(), rows.data() + rows.size()};
}

}  // namespace k7::python
