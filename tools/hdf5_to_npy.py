#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Turns a K7 sample file into the notebook's three .npy files."""

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
    print(f"hdf5_to_npy.py: error: {here}: k7_report_lib is missing; install K7 again", file=sys.stderr)
    sys.exit(2)


_add_library_path()
from k7_report_lib.libraries import require_libraries  # noqa: E402

require_libraries("hdf5_to_npy.py")
import h5py  # noqa: E402
from k7_report_lib import samples  # noqa: E402
from k7_report_lib.atomic import AtomicGroup, flush_to_disk  # noqa: E402
from k7_report_lib.cli import OneLineParser, make_parser, run_main  # noqa: E402
from k7_report_lib.errors import InputError, from_os_error, shown  # noqa: E402
from k7_report_lib.guarded import read_hdf5  # noqa: E402
from k7_report_lib.notebook_files import NPY_NAMES, write_npy  # noqa: E402

LOG = logging.getLogger("k7_report_lib.hdf5_to_npy")

EPILOG = """input: an HDF5 sample file of k7_sample or npy_to_hdf5.py.

output, in the folder that -o names (the notebook's names; numbers and their type stay as they are):
  k7_tcs_pinn_coords.npy   (N, 7)      coordinates
  k7_tcs_pinn_metric.npy   (N, 7, 7)   g in the file's frame
  k7_tcs_pinn_phi.npy      (N, 35)     phi_ijk, i<j<k; only if the sample file has /phi

.npy files have no attributes: manifold and frame are not carried over. A metric in the left-invariant frame (as
k7_sample writes it for s1xs3xs3) is not a metric in the coordinates; the program then says so.

example:
  hdf5_to_npy.py outputs/samples.h5 -o outputs
"""


def parser() -> OneLineParser:
    """The command line of this program."""
    result = make_parser("hdf5_to_npy.py", "Turns a K7 sample file into the notebook's three .npy files.", EPILOG)
    result.add_argument("file", metavar="FILE", type=Path, help="sample file, for example outputs/samples.h5")
    result.add_argument("-o", "--output", metavar="DIR", type=Path,
                        help="folder for the .npy files; must exist (default: the folder of FILE)")
    return result


def open_datasets(path: Path, file: h5py.File) -> dict[str, h5py.Dataset]:
    """The datasets to be written, checked for type, shape and number of rows; /phi may be absent."""
    names = [name for name in NPY_NAMES if name != "phi" or "phi" in file.keys()]
    datasets = {name: samples.dataset(path, file, name) for name in names}
    for name, item in datasets.items():
        samples.check_same_rows(path, f"dataset /{name}", item, len(datasets["coords"]), "/coords")
    return datasets


def look_into(path: Path) -> tuple[list[str], str]:
    """The names of the datasets to be written, and the frame; the reader of HDF5 runs in a process of its own."""
    with samples.open_samples(path) as file:
        return list(open_datasets(path, file)), samples.text_attribute(file, "frame", "coordinate")


def refuse_stale_phi(folder: Path, datasets: list[str]) -> None:
    """Raises InputError where an older phi file would stay beside the new coordinates and metric."""
    stale = folder / NPY_NAMES["phi"]
    if "phi" not in datasets and stale.exists():
        raise InputError(stale, "belongs to other samples, for the sample file has no /phi",
                         "remove it or give another folder")


def write_arrays(path: Path, folder: Path, temporaries: dict[str, Path]) -> None:
    """Writes every dataset under the temporary name of its .npy file.

    Raises InputError naming dataset and row at the first entry that is not finite, or if the disk refuses a file.
    """
    with samples.open_samples(path) as file:
        for name, item in open_datasets(path, file).items():
            try:
                with temporaries[name].open("wb") as stream:
                    write_npy(stream, path, f"dataset /{name}", item)
                    flush_to_disk(stream)
            except OSError as error:
                raise from_os_error(error, folder / NPY_NAMES[name], "written") from error


def convert(options: argparse.Namespace) -> None:
    """Runs the conversion that the command line asks for."""
    folder: Path = options.output or options.file.parent
    datasets, frame = read_hdf5(options.file, lambda: look_into(options.file))
    with AtomicGroup(folder) as group:
        refuse_stale_phi(folder, datasets)
        if frame != "coordinate":
            LOG.warning("note: %s: the metric is in the %s frame; .npy files cannot say so, and npy_to_hdf5.py takes "
                        "it for one in coordinates", options.file,
                        frame if frame == "left-invariant" else shown(frame))
        temporaries = {name: group.reserve(NPY_NAMES[name]) for name in datasets}
        LOG.info("datasets %s", ", ".join(datasets))
        read_hdf5(options.file, lambda: write_arrays(options.file, folder, temporaries))
        group.commit()
        if not options.quiet:
            print(f"wrote {', '.join(str(folder / NPY_NAMES[name]) for name in datasets)}")


if __name__ == "__main__":
    sys.exit(run_main(parser(), convert))
