# SPDX-License-Identifier: Apache-2.0
"""Helpers of `k7_report`, `npy_to_hdf5.py` and `hdf5_to_npy.py`.

Modules, lowest first: `errors` (one-line input errors), `atomic` (temporary name, fsync, rename), `cli` (argument
parser and exit codes), `libraries` (what must be installed), `samples` (sample files in blocks), `three_forms`
(components and tensors), `notebook_files` (.npy and .npz), `chart` (the notebook's coordinates), `conversion` (from
arrays to a sample file), `inputs` (JSON and CSV), `results` (verdict and merge), `details` (what else a run folder may
hold), `series` and `lambda1` (what is drawn), `svg` and `digits` (plots and numbers), `charts`, `figure` (matplotlib),
`page_text`, `markup`, `page_spectrum` and `page` (HTML), `compare` (several runs). Only `figure` imports matplotlib, so
bad input is reported fast.
"""

__version__ = "0.1.0"  # K7's version: the same as in CMakeLists.txt, which tests/tools/test_report.py checks
