#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns NumPy arrays of points and metrics into one K7 sample file."""

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
from k7_report_lib.libraries import require_libraries  # noqa: E402

require_libraries("npy_to_hdf5.py")
import h5py  # noqa: E402
import numpy as np  # noqa: E402
from k7_report_lib import samples  # noqa: E402
from k7_report_lib.atomic import AtomicGroup, flush_to_disk  # noqa: E402
from k7_report_lib.cli import OneLineParser, make_parser, run_main  # noqa: E402
from k7_report_lib.conversion import DENSITIES, MANIFOLDS, Conversion, choose  # noqa: E402
from k7_report_lib.errors import InputError, from_os_error, shown  # noqa: E402
from k7_report_lib.notebook_files import find_arrays, named_path  # noqa: E402

LOG = logging.getLogger("k7_report_lib.npy_to_hdf5")

STRUCTURE_BYTES = 64 << 10  # more than HDF5 needs for the attributes and the dataset headers

EPILOG = """input: a folder with .npy files, one .npz file with the same names as keys, or one .npy file of coordinates; float64
or float32:
  coords   (N, 7)      coordinates of the points
  metric   (N, 7, 7)   g in these coordinates; (7, 7) if it is constant
  phi      (N, 35)     phi_ijk, i<j<k; or (N, 7, 7, 7), antisymmetric; (35,) or (7, 7, 7) if it is constant; optional
The notebook's names k7_tcs_pinn_coords, k7_tcs_pinn_metric and k7_tcs_pinn_phi do as well.

--coords, --metric and --phi name arrays of any other name: FILE.npy, FILE.npz:NAME, or FILE.npz where it holds one
array. They take the place of those in DIR or FILE.npz, which may be left out. --metric identity is the flat metric:
lengths are those of the coordinates. No metric is taken for flat unless this says so.

output: an HDF5 file, which k7_spectral reads. Coordinates are plain numbers from a region with free ends
(--manifold euclidean says that they are meant so, and k7_spectral does not ask for periods), unless
  --periods 1,1,1,1,1,1,1   says which of them come back to where they began, and after how much (0 = not periodic)
  --manifold torus7         says so of all seven, after 2 pi
  --manifold s1xs3xs3       takes them for the notebook's [theta, x, y], x = (q_x, q_y, q_z) / (1 + |q_w|) and so for y
  --manifold interval-s3xs3 the same with a radius in the place of theta
Numbers and their type stay as they are, and hdf5_to_npy.py gives the same bits back; but on S3 the file has the points
as quaternions, and metric and phi in the left-invariant coframe. Coordinates do not tell q_w from -q_w, so each point
gets a sign by a coin, the same in every run: g is taken for a metric that is the same at both.

Arrays with the notebook's names are taken for points of its sampler if they lie in its chart, and no option says what
they are: --manifold s1xs3xs3 --density notebook. --manifold notebook-chart is the chart as the notebook's own matrix
has it, with nothing identified.

--density writes /weight, the density of the points against the volume of g: uniform means that equal volumes hold
equally many points, notebook that points are uniform on S1 x S3 x S3 with unit radii, whatever g is. Without it
k7_spectral estimates the density, or takes the points for uniform in the frame (--method ritz).

.npy files are copied in blocks and need not fit in memory; .npz files must.

example:
  npy_to_hdf5.py outputs -o outputs/samples.h5            # the notebook's arrays
  k7_spectral outputs/samples.h5 -o outputs/spectral.json

  python3 -c "import numpy as np; np.savez('torus.npz', coords=np.random.rand(10000, 7), metric=np.eye(7))"
  npy_to_hdf5.py torus.npz --periods 1,1,1,1,1,1,1 --density uniform
  k7_spectral torus.h5                                    # 0, then 14 times (2 pi)^2 = 39.48

  npy_to_hdf5.py points.npy --metric identity             # flat points: points.h5
  npy_to_hdf5.py --coords run.npz:x --metric g.npy -o run.h5

  npy_to_hdf5.py outputs -o outputs/chart.h5 --manifold notebook-chart
  k7_spectral outputs/chart.h5 --method notebook          # the notebook's own matrix
"""


def periods(text: str) -> tuple[float, ...]:
    """The seven numbers of --periods."""
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    if len(numbers) != samples.DIM or not all(0 <= number < np.inf for number in numbers):
        raise argparse.ArgumentTypeError(f"{shown(text)} should be 7 finite numbers with commas between them, none "
                                         "negative; 0 = not periodic")
    return numbers


def parser() -> OneLineParser:
    """The command line of this program."""
    result = make_parser("npy_to_hdf5.py", "Turns NumPy arrays of points and metrics into one K7 sample file.", EPILOG)
    result.add_argument("source", metavar="DIR|FILE", type=Path, nargs="?",
                        help="folder with .npy files, or an .npz file, or a .npy file of coordinates")
    result.add_argument("-o", "--output", metavar="FILE", type=Path,
                        help="sample file (default: DIR/samples.h5, or FILE.h5)")
    for name, what in (("coords", "FILE"), ("metric", "FILE|identity"), ("phi", "FILE")):
        result.add_argument(f"--{name}", metavar=what, help=f"{name} in a file of any name: .npy, .npz or .npz:NAME")
    result.add_argument("--manifold", choices=MANIFOLDS,
                        help="what the coordinates are (default: euclidean; s1xs3xs3 for the notebook's)")
    result.add_argument("--periods", metavar="P0,...,P6", type=periods,
                        help="period of each coordinate, 0 = not periodic (default: the manifold's)")
    result.add_argument("--density", choices=DENSITIES,
                        help="write /weight: how the points were drawn (default: none; notebook for the notebook's)")
    return result


def named_arrays(options: argparse.Namespace) -> dict[str, str]:
    """Arrays that options name. Raises InputError where neither these nor a folder or file say where the points are."""
    named = {name: getattr(options, name) for name in samples.ROW_SHAPES if getattr(options, name) is not None}
    if options.source is None and "coords" not in named:
        raise InputError("npy_to_hdf5.py", "is given no points", "give a folder, a file, or --coords FILE")
    return named


def default_output(options: argparse.Namespace) -> Path:
    """Beside the input."""
    source = options.source or named_path(options.coords)
    return source / "samples.h5" if source.is_dir() else source.with_suffix(".h5")


def check_output(output: Path, conversion: Conversion) -> None:
    """Raises InputError where the output would replace one of the arrays that it is made of."""
    for array in conversion.arrays.values():
        if output.exists() and array.path.exists() and output.samefile(array.path):
            raise InputError(output, "is one of the input files", "give another name with -o")


def write_samples(temporary: Path, conversion: Conversion) -> None:
    """Writes the sample file under its temporary name, block by block, and flushes it to disk.

    HDF5 writes only the few kB of structure, plain writes put the numbers where it reserved room: HDF5 1.10 ends in a
    crash, not an error, if the disk fills up while it holds data. Raises InputError naming file and row at the first
    entry that is wrong; OSError if the disk refuses the file.
    """
    layout = conversion.layout()
    sizes = {name: int(np.prod(shape)) * dtype.itemsize for name, (shape, dtype) in layout.items()}
    with temporary.open("wb") as stream:  # what HDF5 is about to need must be there
        stream.write(bytes(STRUCTURE_BYTES))
        stream.truncate(STRUCTURE_BYTES + sum(sizes.values()))
    offsets = _write_structure(temporary, conversion)
    with temporary.open("rb+") as stream:
        for first, rows in conversion.blocks():
            for name, block in rows.items():
                stream.seek(offsets[name] + first * (sizes[name] // conversion.n_samples))
                stream.write(np.ascontiguousarray(block, dtype=layout[name][1]).tobytes())
        flush_to_disk(stream)


def _write_structure(temporary: Path, conversion: Conversion) -> dict[str, int]:
    """Creates attributes and contiguous, unfilled datasets; returns where in the file each dataset's bytes begin."""
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
    with h5py.File(temporary, "w", locking=False) as file:
        file.attrs.update(format=samples.FORMAT, version=samples.VERSION, manifold=conversion.manifold,
                          frame=conversion.frame)
        if conversion.periods is not None:
            file.attrs["periods"] = conversion.periods
        return {name: file.create_dataset(name, shape=shape, dtype=dtype, dcpl=properties).id.get_offset()
                for name, (shape, dtype) in conversion.layout().items()}


def convert(options: argparse.Namespace) -> None:
    """Runs the conversion that the command line asks for."""
    inputs = find_arrays(options.source, named_arrays(options))
    output: Path = options.output or default_output(options)
    conversion, note = choose(inputs, options.manifold, options.periods, options.density)
    check_output(output, conversion)
    LOG.info("%d samples, datasets %s", conversion.n_samples, ", ".join(conversion.layout()))
    with AtomicGroup(output.parent) as group:
        temporary = group.reserve(output.name)
        try:
            write_samples(temporary, conversion)
        except OSError as error:
            raise from_os_error(error, output, "written") from error
        group.commit()
    if not options.quiet:
        print(f"wrote {output}: {conversion.n_samples} samples, {conversion.summary()}{note}")


if __name__ == "__main__":
    sys.exit(run_main(parser(), convert))
