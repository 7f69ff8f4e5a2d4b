# SPDX-License-Identifier: Apache-2.0
"""The layout of all C++ sources is that of .clang-format."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FORMATTER = shutil.which("clang-format-14") or shutil.which("clang-format")
FOLDERS = ("src", "include", "tests", "docs")


def sources() -> list[Path]:
    return sorted(path for folder in FOLDERS for end in ("cpp", "hpp") for path in (ROOT / folder).rglob(f"*.{end}"))


def defects(*files: Path) -> str:
    style = f"--style=file:{ROOT / '.clang-format'}"
    done = subprocess.run([str(FORMATTER), style, "--dry-run", "--Werror", *map(str, files)], capture_output=True, text=True,
                          timeout=300, check=False)
    return done.stderr if done.returncode != 0 else ""


@unittest.skipUnless(FORMATTER, "no clang-format")
class Layout(unittest.TestCase):
    def test_sources(self) -> None:
        files = sources()
        self.assertGreater(len(files), 100)
        self.assertEqual(defects(*files), "", "run clang-format -i on these files")

    def test_a_defect_is_seen(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bad.cpp"
            file.write_text("int  f( ){return 1 ;}\n")
            self.assertNotEqual(defects(file), "")


if __name__ == "__main__":
    unittest.main()
