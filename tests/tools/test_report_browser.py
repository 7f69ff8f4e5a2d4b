# SPDX-License-Identifier: Apache-2.0
"""results.html in a browser: nothing on its console, nothing wider than a phone, light and dark. Skipped without Chromium."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib
from pathlib import Path

import h5py
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import run_folder as rf  # noqa: E402
from run_folder import RunFolderTest  # noqa: E402

BROWSER = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
# Tells the page around it how wide it is and how high the titles of columns are; it is added to a copy of the page.
PROBE = """<script>
addEventListener("load", () => {
  const size = (query, side) => Math.max(...[...document.querySelectorAll(query)].map(e => e.getBoundingClientRect()[side]));
  parent.postMessage(`wide ${document.documentElement.scrollWidth} of ${innerWidth}, `
    + `head ${size("table:not(.pairs) thead th", "height")}, plot ${size("svg.plot", "width")}`, "*");
});
</script>"""
# A window may not be as narrow as a phone, but a frame in it may.
FRAME = """<!DOCTYPE html><title>none</title><script>addEventListener("message", e => {{ document.title = e.data; }});</script>
<iframe src="probed.html" style="border:0;width:{width}px;height:900px"></iframe>"""


@unittest.skipUnless(BROWSER, "no Chromium in PATH")
class InABrowser(RunFolderTest):
    def setUp(self) -> None:
        super().setUp()
        rf.make_torsion_run(self.folder)
        with h5py.File(self.folder / "modes.h5", "w") as file:
            file["eigenvectors"] = np.random.default_rng(1).standard_normal((rf.N_SAMPLES, 5))
        self.edit("spectral.json", lambda t: t["options"].update(eigenvectors="modes.h5"))
        self.edit("spectral.json", lambda t: t["spectral"].update(multiplets=[
            {"first": 1, "count": 2, "extrapolated": 1.05, "error": 0.01, "method": "ritz"}]))
        self.assertEqual(rf.run("k7_report", self.folder).returncode, 0)
        self.page = self.folder / "results.html"

    def browse(self, page: Path, *words: str) -> tuple[str, str]:
        """What the browser prints, and what it says on its console."""
        with tempfile.TemporaryDirectory(prefix="k7_browser.") as profile:
            done = subprocess.run(
                [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                 f"--user-data-dir={profile}", "--enable-logging=stderr", "--proxy-server=127.0.0.1:9", *words, page.as_uri()],
                capture_output=True, text=True, timeout=120, check=False, env=os.environ | {"HOME": profile})
        self.assertEqual(done.returncode, 0, done.stderr[-500:])
        return done.stdout, "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)

    def test_nothing_is_on_the_console(self) -> None:
        text, console = self.browse(self.page, "--dump-dom")
        self.assertEqual(console, "")
        self.assertIn('class="verdict', text)
        noisy = self.folder / "noisy.html"  # the console would be seen
        noisy.write_text(self.page.read_text() + "<script>console.error('heard')</script>")
        self.assertIn("heard", self.browse(noisy, "--dump-dom")[1])

    def test_a_phone_scrolls_tables_and_not_the_page(self) -> None:
        probed = self.folder / "probed.html"
        probed.write_text(self.page.read_text().replace("</head>", PROBE + "</head>"))
        frame = self.folder / "frame.html"
        for width in (360, 400, 1280):
            frame.write_text(FRAME.format(width=width))
            text, console = self.browse(frame, "--dump-dom", "--window-size=1400,1000")
            self.assertEqual(console, "")
            found = re.search(r"<title>wide (\d+) of (\d+), head ([\d.]+), plot ([\d.]+)</title>", text)
            assert found is not None, text[:500]
            wide, window, head, plot = map(float, found.groups())
            self.assertEqual(window, width)
            self.assertLessEqual(wide, window)
            self.assertLess(head, 40, "a column's title is broken into lines")
            self.assertLessEqual(plot, window)

    def test_light_and_dark(self) -> None:
        brightness = []
        for scheme in ("1", "0"):
            picture = self.folder / f"{scheme}.png"
            self.browse(self.page, f"--screenshot={picture}", "--window-size=500,900", f"--blink-settings=preferredColorScheme={scheme}")
            brightness.append(brightness_of_paper(picture.read_bytes()))
        self.assertGreater(brightness[0], 200)
        self.assertLess(brightness[1], 70)


def brightness_of_paper(data: bytes) -> float:
    """Of the first pixel of a PNG, 0 to 255; no filter predicts that one from others."""
    depth, colour = struct.unpack(">BB", data[24:26])
    assert depth == 8 and colour in (2, 6)
    chunks, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunks += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    return sum(zlib.decompress(chunks)[1:4]) / 3



if __name__ == "__main__":
    unittest.main()
