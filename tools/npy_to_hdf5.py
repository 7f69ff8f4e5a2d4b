#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns the notebook's three .npy files into one K7 sample file."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

sys.dont_write_bytecode = True  # leave no __pycache__ in a source tree or an installation


def _add_library_path() -> None:
    """Puts k7_report_lib on the path: beside this script in the tree, in share/k7 after installation."""
    here = Path(__file__).resolve().parent
    for folder in (here, here.parent / "share" / "k7"):
        if (folder / "k7_report_lib").is_dir():
            sys.path.insert(0, str(folder))
            return
    print(f"npy_to_hdf5.py: error: {here}: k7_report_lib is missing; install K7 again", file=sys.stderr)
    sys.exit(2)


_add_library_path()
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from k7_report_lib import samples  # noqa: E402
from k7_report_lib.atomic import AtomicGroup, flush_to_disk  # noqa: E402
from k7_report_lib.cli import OneLineParser, make_parser, run_main  # noqa: E402
from k7_report_lib.errors import InputError, from_os_error  # noqa: E402
from k7_report_lib.notebook_files import NPY_NAMES, open_npy  # noqa: E402

LOG = logging.getLogger("k7_report_lib.npy_to_hdf5")

STRUCTURE_BYTES = 64 << 10  # more than HDF5 needs for the attributes and three dataset headers

EPILOG = """input, in DIR (the notebook's names; float64 or float32; never pickled objects):
  k7_tcs_pinn_coords.npy   (N, 7)      coordinates
  k7_tcs_pinn_metric.npy   (N, 7, 7)   g in these coordinates
  k7_tcs_pinn_phi.npy      (N, 35)     phi_ijk, i<j<k; optional

output: an HDF5 file with /coords, /metric, /phi, which k7_spectral reads. The files are copied in blocks, so they
need not fit in memory; numbers and their type stay as they are, and hdf5_to_npy.py gives the same bits back.

example:
  npy_to_hdf5.py outputs -o outputs/samples.h5 --manifold notebook-chart
  k7_spectral outputs/samples.h5 --method notebook -o outputs/spectral.json
  k7_report outputs
"""


def parser() -> OneLineParser:
    """The command line of this program."""
    result = make_parser("npy_to_hdf5.py", "Turns the notebook's three .npy files into one K7 sample file.", EPILOG)
    result.add_argument("folder", metavar="DIR", type=Path, help="folder with the notebook's .npy files")
    result.add_argument("-o", "--output", metavar="FILE", type=Path, help="sample file (default: DIR/samples.h5)")
    result.add_argument("--manifold", choices=("euclidean", "notebook-chart"), default="euclidean",
                        help="what the coordinates are: plain numbers, or the notebook's [theta, x, y] chart of "
                             "S1 x S3 x S3 (default: %(default)s)")
    return result


def open_inputs(folder: Path) -> dict[str, np.ndarray]:
    """Maps the notebook's files of `folder` by dataset name, checked for type, shape and number of rows.

    Raises InputError naming the file that is missing or wrong; phi alone may be absent.
    """
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "is missing"
        raise InputError(folder, problem, "give the folder with the notebook's .npy files")
    arrays: dict[str, np.ndarray] = {}
    for name, file_name in NPY_NAMES.items():
        path = folder / file_name
        if name == "phi" and not path.exists():
            continue
        arrays[name] = open_npy(path, name)
        samples.check_same_rows(path, "array", arrays[name], len(arrays["coords"]), NPY_NAMES["coords"])
    return arrays


def write_samples(temporary: Path, folder: Path, arrays: dict[str, np.ndarray], manifold: str) -> None:
    """Writes the sample file under its temporary name, block by block, and flushes it to disk.

    HDF5 writes only the few kB of structure, plain writes put the numbers where it reserved room: HDF5 1.10 ends in a
    crash, not an error, if the disk fills up while it holds data. Raises InputError naming file and row at the first
    entry that is not finite; OSError if the disk refuses the file.
    """
    with temporary.open("wb") as stream:  # what HDF5 is about to need must be there
        stream.write(bytes(STRUCTURE_BYTES))
        stream.truncate(STRUCTURE_BYTES + sum(array.nbytes for array in arrays.values()))
    offsets = _write_structure(temporary, arrays, manifold)
    with temporary.open("rb+") as stream:
        for name, array in arrays.items():
            stream.seek(offsets[name])
            for _, block in samples.finite_blocks(folder / NPY_NAMES[name], "array", array):
                stream.write(np.ascontiguousarray(block).tobytes())
        flush_to_disk(stream)


def _write_structure(temporary: Path, arrays: dict[str, np.ndarray], manifold: str) -> dict[str, int]:
    """Creates attributes and contiguous, unfilled datasets; returns where in the file each dataset's bytes begin."""
    layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    layout.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    layout.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(temporary, "w", locking=False) as file:
        file.attrs.update(format=samples.FORMAT, version=samples.VERSION, manifold=manifold, frame="coordinate")
        return {name: file.create_dataset(name, shape=array.shape, dtype=array.dtype, dcpl=layout).id.get_offset()
                for name, array in arrays.items()}


def convert(options: argparse.Namespace) -> None:
    """Runs the conversion that the command line asks for."""
    output: Path = options.output or options.folder / "samples.h5"
    arrays = open_inputs(options.folder)
    LOG.info("%d samples, datasets %s", len(arrays["coords"]), ", ".join(arrays))
    with AtomicGroup(output.parent) as group:
        temporary = group.reserve(output.name)
        try:
            write_samples(temporary, options.folder, arrays, options.manifold)
        except OSError as error:
            raise from_os_error(error, output, "written") from error
        group.commit()
    if not options.quiet:
        print(f"wrote {output}: {len(arrays['coords'])} samples, {options.manifold}")


if __name__ == "__main__":
    sys.exit(run_main(parser(), convert))
