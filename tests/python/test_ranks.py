# SPDX-License-Identifier: Apache-2.0
"""The package on several ranks, each with its own rows, by communicators of mpi4py; and how processes start and end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import k7
from package import run_script

pytest.importorskip("mpi4py", reason="python3-mpi4py is not there")

SPECTRUM = """
    import json, sys
    import numpy as np
    from mpi4py import MPI
    import k7

    comm = MPI.COMM_WORLD
    points = np.random.default_rng(0).random((900, 7))
    first = [0, 250, 900][comm.rank : comm.rank + 2]
    mine = points[slice(*first)]
    found = k7.spectrum(mine, np.eye(7), np.ones(len(mine)), periods=[1] * 7, k=10, n=5, comm=comm, threads=1)
    np.save(f"functions{comm.rank}.npy", found.functions)
    if comm.rank == 0:
        print(json.dumps([list(found.values), list(found.errors), list(found.raw), found.tree["parallel"]["ranks"]]))
"""


def test_two_ranks_give_what_one_gives(tmp_path: Path) -> None:
    done = run_script(SPECTRUM, ranks=2, cwd=tmp_path)
    assert done.code == 0, str(done)
    values, errors, raw, ranks = json.loads(done.out)  # which holds nothing else

    alone = k7.spectrum(np.random.default_rng(0).random((900, 7)), np.eye(7), np.ones(900), periods=[1] * 7, k=10, n=5,
                        threads=1, progress=False)

    assert ranks == 2
    np.testing.assert_allclose(raw, alone.raw, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(values, alone.values, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(errors, alone.errors, rtol=1e-3, atol=1e-12)
    functions = [np.load(tmp_path / f"functions{rank}.npy") for rank in (0, 1)]
    assert [len(part) for part in functions] == [250, 650]
    np.testing.assert_allclose(np.concatenate(functions), alone.functions, rtol=0, atol=1e-6)


TRAINING = """
    import h5py
    import numpy as np
    from mpi4py import MPI
    import k7

    comm = MPI.COMM_WORLD
    options = dict(manifold="torus7", hidden=[8], epochs=4, batch_size=64, threads=1)
    found = k7.train("torus", out=f"run{comm.size}", comm=comm, **options)
    model = found.model(comm=comm, threads=1)
    samples = model.sample(11, comm=comm)
    report = model.report(50, comm=comm)
    rows = comm.gather(samples.metric)
    samples.save("together.h5", comm)
    alone = model.sample(11)
    if comm.rank == 0:
        assert np.array_equal(np.concatenate(rows), alone.metric)
        with h5py.File("together.h5") as file:
            assert all(np.array_equal(file[name][()], getattr(alone, name)) for name in ("coords", "metric", "phi"))
        assert report["points"] == 50
        spectrum = k7.spectrum_of_function(model.metric, model.manifold, n=2, accuracy=1.0)  # of this rank alone
        print([len(part) for part in rows], found.stop, len(spectrum.values))
"""


def test_models_on_two_ranks(tmp_path: Path) -> None:
    done = run_script(TRAINING, ranks=2, cwd=tmp_path)

    assert (done.code, done.out) == (0, "[6, 5] finished 2\n"), str(done)


FAILURES = """
    import numpy as np
    from mpi4py import MPI
    import k7

    comm = MPI.COMM_WORLD
    points = np.random.default_rng(comm.rank).random((100, 7))

    def raised(call):
        try:
            call()
            return "nothing"
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    def fails(epoch, loss):
        if comm.rank == 1:
            raise OverflowError("mine")

    def wrong_metric(nodes):
        if comm.rank == 1:
            raise OverflowError("mine")
        return np.eye(7)

    shape = points[:, :6] if comm.rank == 1 else points
    holes = points.copy()
    holes[3, 4] = np.nan if comm.rank == 1 else 0.5
    calls = [lambda: k7.spectrum(shape, np.eye(7), comm=comm, k=8),
             lambda: k7.spectrum(holes, np.eye(7), comm=comm, k=8),
             lambda: k7.spectrum(points, np.eye(7), None if comm.rank else np.ones(100), comm=comm, k=8),
             lambda: k7.train("torus", fails, comm, hidden=[8], epochs=9, batch_size=32, out="run", threads=1),
             lambda: k7.spectrum_of_function(wrong_metric, "torus7", comm=comm, threads=1),
             lambda: k7.Model("none.h5" if comm.rank else "none.h5", comm=comm)]
    for call in calls:
        texts = comm.gather(raised(call))
        if comm.rank == 0:
            print(*texts, sep=" | ")
"""


def test_an_error_of_one_rank_is_raised_on_all(tmp_path: Path) -> None:
    done = run_script(FAILURES, ranks=2, cwd=tmp_path)
    assert done.code == 0, str(done)
    lines = [line.split(" | ") for line in done.out.splitlines()]

    for ours, theirs in (*lines[:3], lines[5]):
        assert ours == theirs
    assert lines[0][0] == "InputError: points: has shape (100, 6); (N, 7) is needed"
    assert lines[1][0] == "InputError: points row 3 of rank 1: entry 4 is NaN; finite numbers are needed"
    assert lines[2][0] == "InputError: weight: some ranks have weights and others have none; give them on all ranks"
    assert lines[3] == ["Stopped: stopped, as was asked for", "OverflowError: mine"]
    assert lines[4][0].startswith("InputError: metric: OverflowError: mine") and lines[4][1] == "OverflowError: mine"
    assert lines[5][0].startswith("InputError: none.h5")


def test_stop_of_one_rank_stops_all(tmp_path: Path) -> None:
    done = run_script("""
        from mpi4py import MPI
        import k7
        rank = MPI.COMM_WORLD.rank
        found = k7.train("torus", lambda epoch, loss: rank == 1 and epoch == 3, MPI.COMM_WORLD, hidden=[8], epochs=10**5,
                         batch_size=32, out="run", threads=1)
        ends = MPI.COMM_WORLD.gather((found.stop, found.epochs < 6))
        if rank == 0:
            print(ends)
    """, ranks=2, cwd=tmp_path)

    assert (done.code, done.out) == (0, "[('signal', True), ('signal', True)]\n"), str(done)


def test_every_rank_alone(tmp_path: Path) -> None:
    """Without a communicator ranks do not wait for each other, not even in PETSc's start."""
    done = run_script("""
        import numpy as np
        from mpi4py import MPI
        import k7
        if MPI.COMM_WORLD.rank == 1:
            print(len(k7.spectrum(np.random.default_rng(0).random((80, 7)), np.eye(7), k=8, n=3).values))
    """, ranks=2, cwd=tmp_path)

    assert (done.code, done.out) == (0, "3\n"), str(done)


# ---- Start and end ----

COMPUTE = "k7.spectrum(np.random.default_rng(0).random((300, 7)), np.eye(7), k=8, n=3, progress=False)\n"
STARTS = {
    "k7 alone": "import k7, numpy as np\n" + COMPUTE,
    "k7 first": "import k7, numpy as np\n" + COMPUTE + "from mpi4py import MPI\nassert MPI.Is_initialized()\n"
                + COMPUTE.replace("n=3", "n=3, comm=MPI.COMM_WORLD"),
    "mpi4py first": "from mpi4py import MPI\nimport k7, numpy as np\n" + COMPUTE,
    "ended by hand": "from mpi4py import MPI\nimport k7, numpy as np\n" + COMPUTE + "MPI.Finalize()\n",
    "in a thread": "import k7, numpy as np, threading\nt = threading.Thread(target=lambda: " + COMPUTE.strip()
                   + ")\nt.start()\nt.join()\n",
}


@pytest.mark.parametrize("name", STARTS)
def test_processes_start_and_end(name: str, tmp_path: Path) -> None:
    done = run_script(STARTS[name] + "print('done')\n", cwd=tmp_path)

    assert (done.code, done.out) == (0, "done\n"), str(done)
    assert "error" not in done.err.lower(), str(done)


def test_import_loads_no_libtorch_and_starts_nothing(tmp_path: Path) -> None:
    done = run_script("""
        import sys
        import k7
        print("libtorch" in open("/proc/self/maps").read(), "mpi4py" in sys.modules, "matplotlib" in sys.modules)
        from mpi4py import rc
        rc.initialize = False
        from mpi4py import MPI
        print(MPI.Is_initialized())
    """, cwd=tmp_path)

    assert (done.code, done.out) == (0, "False False False\nFalse\n"), str(done)


def other_library(folder: Path) -> Path:
    """A library with LibTorch's name, which is none."""
    folder.mkdir(parents=True)
    library = folder / "libtorch_cpu.so"
    shutil.copy(next(Path("/").glob("usr/lib/*/libz.so.1")), library)
    return library


def test_a_second_libtorch_is_refused(tmp_path: Path) -> None:
    library = other_library(tmp_path / "other")
    done = run_script("""
        import ctypes, sys
        import k7
        ctypes.CDLL(sys.argv[1])
        try:
            k7.Model("best.h5")
        except k7.LibraryError as error:
            print(error)
    """, library, cwd=tmp_path)

    assert done.code == 0, str(done)
    assert done.out.startswith(f"{library} is loaded, and K7 needs the LibTorch in /"), str(done)


def test_a_later_import_of_another_torch_is_refused(tmp_path: Path) -> None:
    other_library(tmp_path / "torch" / "lib")
    (tmp_path / "torch" / "__init__.py").write_text("")
    done = run_script("""
        import numpy as np
        import k7
        k7.torsion(np.zeros((1, 35)), np.zeros((1, 7, 35)))
        try:
            import torch
        except ImportError as error:
            print(error)
    """, cwd=tmp_path)

    assert done.code == 0, str(done)
    assert done.out.startswith("torch: ") and "cannot be in one process" in done.out, str(done)


def test_programs_of_the_package(tmp_path: Path) -> None:
    for name in ("k7_report", "npy_to_hdf5", "hdf5_to_npy"):
        done = run_script(f"import sys, k7._programs\nsys.argv = ['{name}', '--help']\nk7._programs.{name}()\n",
                          cwd=tmp_path)
        assert done.code == 0 and "usage" in done.out.lower(), str(done)
