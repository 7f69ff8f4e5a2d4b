// SPDX-License-Identifier: Apache-2.0
//
// What both modules of the Python package share: communicators, observers, threads and errors.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "k7/base/observer.hpp"
#include "k7/geometry/manifold.hpp"
#include "k7/parallel/communicator.hpp"

namespace k7::python {

namespace py = pybind11;

/// Rows that Python has brought into this form, see _arrays.py.
using Rows = py::array_t<double, py::array::c_style>;

/// Where an MPI_Comm of mpi4py lies in memory; 0: this process alone.
using CommAddress = std::uintptr_t;
MPI_Comm comm_at(CommAddress address);

/// Turns the errors of K7 into those of k7._errors.
void translate_errors();

/// Tells a Python object what the library tells, and asks it, and Python's signals, for stops. What they raise is kept
/// and means a stop. Its functions may be called without Python's lock.
class PythonObserver final : public Observer {
 public:
  /// @param listener has info(line), warn(line), progress(label, done, total, note), epoch(number, loss) and
  /// stop_requested()
  explicit PythonObserver(py::object listener) : listener_(std::move(listener)) {}

  void info(const std::string& line) override;
  void warn(const std::string& line) override;
  void progress(const std::string& label, std::int64_t done, std::int64_t total,
                const std::string& note) override;
  void epoch(std::int64_t number, double loss) override;
  bool stop_requested() override;

  /// Runs what calls Python, and keeps what that raises. Returns whether nothing was raised.
  bool guard(const std::function<void()>& call);
  bool has_failed() const { return failure_.has_value(); }
  /// Raises what was kept; needs Python's lock.
  [[noreturn]] void raise();
  /// The name of its class, and what it says.
  std::string failure_text() const;

 private:
  py::object listener_;
  std::optional<py::error_already_set> failure_;
};

/// Runs work of the library while other threads of Python run. What the observer has kept is raised afterwards, and on
/// other ranks Stopped. An error that only this rank knows of ends the job, as the others would wait for ever.
/// Collective.
void run(const parallel::Communicator& comm, PythonObserver& observer, const std::function<void()>& work);

/// Threads of this rank, which BLAS gets too. @param wanted 0: its share of the node's cores. Collective.
int use_threads(int wanted, const parallel::Communicator& comm);

/// A name of a table. @throws InputError that names them all
template <class E>
E choice(const std::string& argument, const std::string& name);

/// A copy with a shape.
Rows array_of(const std::vector<double>& values, std::vector<py::ssize_t> shape);

std::vector<double> vector_of(const Rows& rows);

}  // namespace k7::python

#include "k7/base/error.hpp"
#include "k7/base/names.hpp"

template <class E>
E k7::python::choice(const std::string& argument, const std::string& name) {
  const auto value = value_of<E>(name);
  if (!value) throw InputError(argument + ": '" + name + "' is none of " + joined(all_names<E>()));
  return *value;
}
