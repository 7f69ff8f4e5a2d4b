# SPDX-License-Identifier: Apache-2.0
"""The notebook's .npy files: names, reading as a map without pickles, writing in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from .errors import InputError, from_os_error
from .guarded import check_regular
from .samples import check_array, finite_blocks

# Dataset of the schema -> file name; coords first, because the others are checked against it.
NPY_NAMES = {
    "coords": "k7_tcs_pinn_coords.npy",
    "metric": "k7_tcs_pinn_metric.npy",
    "phi": "k7_tcs_pinn_phi.npy",
}


def open_npy(path: Path, name: str) -> np.ndarray:
    """Maps a .npy file read-only and checks that it can be the schema's dataset `name`.

    Raises InputError if the file cannot be read, is no .npy file, holds pickled objects, or is cut short.
    """
    check_regular(path)
    try:
        array = np.lib.format.open_memmap(path, mode="r")
    except OSError as error:
        raise from_os_error(error, path, "read") from error
    except (ValueError, EOFError, SyntaxError) as error:
        raise InputError(path, f"is not a usable .npy array ({str(error)[:80]})",
                         "should be written by numpy.save from a float array, not pickled") from error
    check_array(path, "array", array, name)
    return array


def write_npy(stream: BinaryIO, path: Path, where: str, source: Any) -> None:
    """Writes an array (HDF5 dataset or map) as .npy, block by block, with the bytes that `numpy.save` would write.

    `path` and `where` name the source in errors. Plain writes, not a map: a full disk must raise OSError, and a map
    would end the process with SIGBUS. Raises InputError naming the first row that is not finite.
    """
    descr = np.lib.format.dtype_to_descr(source.dtype)
    header = {"descr": descr, "fortran_order": False, "shape": tuple(source.shape)}
    np.lib.format.write_array_header_1_0(stream, header)
    for _, block in finite_blocks(path, where, source):
        stream.write(np.ascontiguousarray(block).tobytes())
