// SPDX-License-Identifier: Apache-2.0
#include "spectral/solve/eigensolver.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "k7/base/error.hpp"
#include "k7/geometry/sampler.hpp"
#include "k7/parallel/agree.hpp"
#include "spectral/solve/petsc.hpp"

namespace k7::spectral {
namespace {

constexpr int extra_basis = 18;      // basis vectors beyond the wanted ones; best of those measured
constexpr int dense_rows = 200;      // up to here LAPACK solves everything
constexpr double negligible = 1e-6;  // eigenvalues below this part of |A| converge absolutely
// Gram-Schmidt goes round twice where it leaves less than this part of a vector; see centre().
constexpr double enough_left = 0.5;

double local_norm(const std::vector<double>& v) {
  double sum = 0.0;
  for (const double x : v) sum += x * x;
  return sum;
}

// The solvers that keep to the deflation space and find every eigenvalue, as often as it is there. Others are refused:
// a spectrum that lacks values, or has zero modes again, looks like any other.
const std::vector<std::string> solver_types{EPSKRYLOVSCHUR, EPSLAPACK, EPSLOBPCG, EPSJD, EPSGD, EPSARNOLDI};
constexpr GlobalIndex lapack_rows = 10000;  // a dense matrix of 800 MB, and minutes

bool is_krylov(const std::string& type) {
  return type == EPSKRYLOVSCHUR || type == EPSARNOLDI;
}

/// The solver that -eps_type names on PETSc's command line, otherwise K7's choice.
/// @throws CollectiveError for one that does not give the spectrum
std::string solver_type(GlobalIndex n_rows, const parallel::Communicator& comm) {
  char text[256] = "";
  PetscBool is_set = PETSC_FALSE;
  petsc_check(PetscOptionsGetString(nullptr, nullptr, "-eps_type", text, sizeof(text), &is_set),
              "PetscOptionsGetString");
  if (!is_set) return n_rows <= dense_rows ? EPSLAPACK : EPSKRYLOVSCHUR;
  const std::string type = text;
  parallel::agree(comm, [&] {
    if (std::find(solver_types.begin(), solver_types.end(), type) == solver_types.end())
      throw InputError("-eps_type " + type + ": the solvers that can be used here are " +
                       fmt::format("{}", fmt::join(solver_types, ", ")));
    if (type == EPSLAPACK && n_rows > lapack_rows)
      throw InputError("-eps_type lapack makes a dense matrix, which is too large for " +
                       std::to_string(n_rows) + " points; it can be used up to " +
                       std::to_string(lapack_rows));
  });
  return type;
}

/// SLEPc's relative test, but an eigenvalue that is zero, or as good as, can pass it too.
PetscErrorCode relative_or_negligible(EPS, PetscScalar value, PetscScalar, PetscReal residual,
                                      PetscReal* error, void* context) {
  *error = residual / std::max(std::abs(value), *static_cast<const double*>(context));
  return 0;
}

/// What EPSSolve asks at every restart.
struct StopTest {
  const std::function<bool()>& requested;
  bool stopped = false;
};

PetscErrorCode basic_or_requested(EPS eps, PetscInt restart, PetscInt most, PetscInt converged,
                                  PetscInt wanted, EPSConvergedReason* reason, void* context) {
  const PetscErrorCode code = EPSStoppingBasic(eps, restart, most, converged, wanted, reason, nullptr);
  auto& test = *static_cast<StopTest*>(context);
  if (code == 0 && *reason == EPS_CONVERGED_ITERATING && test.requested()) {
    test.stopped = true;
    *reason = EPS_CONVERGED_USER;
  }
  return code;
}

/// One solve: collects eigenpairs of A into the result.
class Solver {
 public:
  Solver(const Laplacian& laplacian, const std::vector<GlobalIndex>& ids, const EigenOptions& options,
         const parallel::Communicator& comm)
      : laplacian_(laplacian), matrix_(laplacian.matrix.get()), options_(options), comm_(comm) {
    PetscInt rows = 0;
    petsc_check(MatGetSize(matrix_, &rows, nullptr), "MatGetSize");
    n_global_ = rows;
    x_ = make_vector();
    y_ = make_vector();
    start_ = make_vector();
    std::vector<double> values(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
      double pair[2];
      geometry::uniform_pair({options.seed, geometry::Stream::eigensolver, 0},
                             static_cast<std::uint64_t>(ids[i]), 0, pair);
      values[i] = pair[0] - 0.5;
    }
    set(start_.get(), values);
  }

  EigenPairs run(const NullSpace& null_space) {
    std::vector<VecHandle> zero_modes;
    for (int c = 0; c < null_space.count; ++c) zero_modes.push_back(zero_mode(null_space, c));
    for (const auto& z : zero_modes) accept(z.get(), rayleigh_quotient(z.get()));
    pairs_.zero_modes = null_space.count;
    const int wanted = options_.count - null_space.count;
    if (wanted > 0) solve(wanted, zero_modes);
    gather_functions();
    return std::move(pairs_);
  }

 private:
  VecHandle make_vector() const {
    Vec v = nullptr;
    petsc_check(MatCreateVecs(matrix_, &v, nullptr), "MatCreateVecs");
    return VecHandle(v);
  }

  static void set(Vec v, const std::vector<double>& values) {
    PetscScalar* array = nullptr;
    petsc_check(VecGetArrayWrite(v, &array), "VecGetArrayWrite");
    std::copy(values.begin(), values.end(), array);
    petsc_check(VecRestoreArrayWrite(v, &array), "VecRestoreArrayWrite");
  }

  static std::vector<double> get(Vec v) {
    PetscInt n = 0;
    const PetscScalar* array = nullptr;
    petsc_check(VecGetLocalSize(v, &n), "VecGetLocalSize");
    petsc_check(VecGetArrayRead(v, &array), "VecGetArrayRead");
    std::vector<double> values(array, array + n);
    petsc_check(VecRestoreArrayRead(v, &array), "VecRestoreArrayRead");
    return values;
  }

  /// M^{1/2} times the indicator of a component, normalised.
  VecHandle zero_mode(const NullSpace& null_space, int component) const {
    std::vector<double> values(laplacian_.root_mass.size(), 0.0);
    for (std::size_t i = 0; i < values.size(); ++i)
      if (null_space.components[i] == component) values[i] = laplacian_.root_mass[i];
    const double norm = std::sqrt(comm_.sum(local_norm(values)));
    for (double& v : values) v /= norm;
    VecHandle result = make_vector();
    set(result.get(), values);
    return result;
  }

  double rayleigh_quotient(Vec x) const {
    PetscScalar value = 0.0;
    petsc_check(MatMult(matrix_, x, y_.get()), "MatMult");
    petsc_check(VecDot(y_.get(), x, &value), "VecDot");
    return value;
  }

  /// Appends a normalised eigenvector with its true residual.
  void accept(Vec x, double value) {
    PetscReal residual = 0.0;
    petsc_check(MatMult(matrix_, x, y_.get()), "MatMult");
    petsc_check(VecAXPY(y_.get(), -value, x), "VecAXPY");
    petsc_check(VecNorm(y_.get(), NORM_2, &residual), "VecNorm");
    pairs_.values.push_back(value);
    pairs_.residuals.push_back(residual);
    if (!options_.keep_functions) return;
    // The sign is free; this choice is the same for every number of ranks.
    PetscScalar product = 0.0;
    petsc_check(VecDot(x, start_.get(), &product), "VecDot");
    auto f = get(x);
    for (std::size_t i = 0; i < f.size(); ++i) f[i] *= (product < 0.0 ? -1.0 : 1.0) / laplacian_.root_mass[i];
    columns_.push_back(std::move(f));
  }

  void solve(int wanted, const std::vector<VecHandle>& zero_modes) {
    const std::string type = solver_type(n_global_, comm_);
    // LAPACK finds the null space too; A is then positive semi-definite and its vectors come first.
    const int skip = type == EPSLAPACK ? static_cast<int>(zero_modes.size()) : 0;
    const EpsHandle eps = make_solver(type, wanted + skip, zero_modes);
    StopTest test{options_.stop_requested};
    if (test.requested && is_krylov(type))  // LAPACK takes no test, and ends soon
      petsc_check(EPSSetStoppingTestFunction(eps.get(), basic_or_requested, &test, nullptr),
                  "EPSSetStoppingTestFunction");
    petsc_check(EPSSolve(eps.get()), "EPSSolve");
    if (test.stopped) throw Stopped();
    PetscInt converged = 0;
    petsc_check(EPSGetConverged(eps.get(), &converged), "EPSGetConverged");
    pairs_.converged = converged >= wanted + skip;
    for (PetscInt i = skip; i < std::min<PetscInt>(converged, wanted + skip); ++i) {
      PetscScalar value = 0.0;
      petsc_check(EPSGetEigenpair(eps.get(), i, &value, nullptr, x_.get(), nullptr), "EPSGetEigenpair");
      accept(x_.get(), value);
    }
  }

  EpsHandle make_solver(const std::string& type, int count, const std::vector<VecHandle>& zero_modes) {
    EPS eps = nullptr;
    petsc_check(EPSCreate(comm_.handle(), &eps), "EPSCreate");
    EpsHandle handle(eps);
    petsc_check(EPSSetOperators(eps, matrix_, nullptr), "EPSSetOperators");
    petsc_check(EPSSetProblemType(eps, EPS_HEP), "EPSSetProblemType");
    petsc_check(EPSSetWhichEigenpairs(eps, EPS_SMALLEST_REAL), "EPSSetWhichEigenpairs");
    petsc_check(EPSSetType(eps, type.c_str()), "EPSSetType");
    if (type == EPSLAPACK)
      petsc_check(EPSSetDimensions(eps, count, PETSC_DEFAULT, PETSC_DEFAULT), "EPSSetDimensions");
    else
      configure(eps, type, count, zero_modes);
    if (is_krylov(type)) centre(eps);
    petsc_check(EPSSetFromOptions(eps), "EPSSetFromOptions");
    require_same_question(eps, count);
    return handle;
  }

  /// Options may change how the eigenvalues are found, not which. @throws CollectiveError
  void require_same_question(EPS eps, int count) const {
    PetscInt asked = 0;
    EPSWhich which = EPS_SMALLEST_REAL;
    EPSProblemType problem = EPS_HEP;
    ST transformation = nullptr;
    petsc_check(EPSGetDimensions(eps, &asked, nullptr, nullptr), "EPSGetDimensions");
    petsc_check(EPSGetWhichEigenpairs(eps, &which), "EPSGetWhichEigenpairs");
    petsc_check(EPSGetProblemType(eps, &problem), "EPSGetProblemType");
    petsc_check(EPSGetST(eps, &transformation), "EPSGetST");
    PetscBool is_plain = PETSC_FALSE;
    petsc_check(PetscObjectTypeCompareAny(reinterpret_cast<PetscObject>(transformation), &is_plain, STSHIFT,
                                          STPRECOND, ""),
                "PetscObjectTypeCompareAny");
    parallel::agree(comm_, [&] {
      if (asked != count)
        throw InputError("an option after -- changes the number of eigenvalues; -n says how many are wanted");
      if (which != EPS_SMALLEST_REAL || problem != EPS_HEP || !is_plain)
        throw InputError(
            "an option after -- changes which eigenvalues are computed, or of what; K7 needs the smallest of "
            "a "
            "symmetric matrix, without a spectral transformation");
    });
  }

  void configure(EPS eps, const std::string& type, int count, const std::vector<VecHandle>& zero_modes) {
    petsc_check(MatNorm(matrix_, NORM_INFINITY, &scale_), "MatNorm");
    scale_ *= negligible;
    const auto room = static_cast<PetscInt>(n_global_ - static_cast<GlobalIndex>(zero_modes.size()));
    // LOBPCG takes a block of its vectors at a time, three of which must have room.
    const PetscInt basis =
        std::min<PetscInt>(type == EPSLOBPCG ? 5 * count + extra_basis : count + extra_basis, room);
    petsc_check(EPSSetDimensions(eps, count, basis, PETSC_DEFAULT), "EPSSetDimensions");
    petsc_check(EPSSetTolerances(eps, options_.tolerance, options_.max_restarts), "EPSSetTolerances");
    petsc_check(EPSSetConvergenceTestFunction(eps, relative_or_negligible, &scale_, nullptr),
                "EPSSetConvergenceTestFunction");
    Vec start = start_.get();
    petsc_check(EPSSetInitialSpace(eps, 1, &start), "EPSSetInitialSpace");
    std::vector<Vec> deflated;
    for (const auto& z : zero_modes) deflated.push_back(z.get());
    if (!deflated.empty())
      petsc_check(EPSSetDeflationSpace(eps, static_cast<PetscInt>(deflated.size()), deflated.data()),
                  "EPSSetDeflationSpace");
  }

  /// Works on A - mean eigenvalue. The Krylov space is the same, but of A v a component along v of twice the
  /// rest would have to be removed, and once removed the error would need a second round of Gram-Schmidt for
  /// every vector. Around the mean, |A v| is mostly new direction and one round keeps the basis orthogonal. The shift
  /// is made after each product: one in the matrix would be made on the host, and travel to the GPU and back.
  void centre(EPS eps) const {
    PetscScalar trace = 0.0;
    ST transformation = nullptr;
    BV basis = nullptr;
    petsc_check(MatGetTrace(matrix_, &trace), "MatGetTrace");
    petsc_check(EPSGetST(eps, &transformation), "EPSGetST");
    petsc_check(STSetShift(transformation, trace / static_cast<double>(n_global_)), "STSetShift");
    petsc_check(STSetMatMode(transformation, ST_MATMODE_SHELL), "STSetMatMode");
    petsc_check(EPSGetBV(eps, &basis), "EPSGetBV");
    petsc_check(BVSetOrthogonalization(basis, BV_ORTHOG_CGS, BV_ORTHOG_REFINE_IFNEEDED, enough_left,
                                       BV_ORTHOG_BLOCK_GS),
                "BVSetOrthogonalization");
  }

  void gather_functions() {
    const std::size_t n_columns = columns_.size();
    const std::size_t n_rows = laplacian_.root_mass.size();
    pairs_.functions.resize(n_rows * n_columns);
    for (std::size_t c = 0; c < n_columns; ++c) {
      for (std::size_t i = 0; i < n_rows; ++i) pairs_.functions[i * n_columns + c] = columns_[c][i];
      std::vector<double>().swap(columns_[c]);
    }
  }

  const Laplacian& laplacian_;
  Mat matrix_;
  EigenOptions options_;
  const parallel::Communicator& comm_;
  GlobalIndex n_global_ = 0;
  VecHandle x_, y_, start_;
  double scale_ = 0.0;
  std::vector<std::vector<double>> columns_;
  EigenPairs pairs_;
};

}  // namespace

EigenPairs first(const EigenPairs& pairs, int count) {
  const std::size_t size = pairs.values.size();
  const std::size_t kept = std::min(size, static_cast<std::size_t>(count));
  EigenPairs result;
  result.values.assign(pairs.values.begin(), pairs.values.begin() + static_cast<std::ptrdiff_t>(kept));
  result.residuals.assign(pairs.residuals.begin(),
                          pairs.residuals.begin() + static_cast<std::ptrdiff_t>(kept));
  result.functions.reserve(size > 0 ? pairs.functions.size() / size * kept : 0);
  for (auto row = pairs.functions.begin(); row != pairs.functions.end();
       row += static_cast<std::ptrdiff_t>(size))
    result.functions.insert(result.functions.end(), row, row + static_cast<std::ptrdiff_t>(kept));
  result.zero_modes = std::min(pairs.zero_modes, count);
  result.converged = pairs.converged || kept == static_cast<std::size_t>(count);
  return result;
}

EigenPairs smallest_eigenpairs(const Laplacian& laplacian, const std::vector<GlobalIndex>& ids,
                               const NullSpace& null_space, const EigenOptions& options,
                               const parallel::Communicator& comm) {
  return Solver(laplacian, ids, options, comm).run(null_space);
}

}  // namespace k7::spectral
