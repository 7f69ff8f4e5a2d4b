# SPDX-License-Identifier: Apache-2.0
"""Hours of work survive what happens around them: disks that fill up, folders that vanish, output that nobody takes,
logs whose reader has gone, signals that come early. And what would take hours and then fail is refused at once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import programs
from programs import Done, ProgramTest, write_samples

LONGEST_LOADING = 0.5  # seconds of a core that the dynamic loader may take; 0.2 to 0.3 were seen
SPECTRAL = "s.h5 -k 16 -n 6 -o"
TRAIN = "--preset notebook --hidden 16,16 --batch-size 64 --checkpoint-every 1000000 --out run"


def error_lines(done: Done) -> list[str]:
    """What a program reports as an error."""
    return [line for line in done.err.splitlines() if ": error: " in line]


def fill(folder: Path) -> int:
    """Takes all the room that a disk has left; returns how many bytes that were."""
    taken = 0
    with (folder / "more").open("wb", buffering=0) as stream:
        try:
            while True:
                taken += stream.write(bytes(4096))
        except OSError:
            return taken


def holds_signals(pid: int) -> bool:
    """Whether a process blocks or catches SIGTERM by now."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        name, _, mask = line.partition(":")
        if name in ("SigBlk", "SigCgt") and int(mask, 16) >> (signal.SIGTERM - 1) & 1:
            return True
    return False


def processor_seconds(pid: int) -> float:
    """What a process has computed by now; on a busy machine that says more than the time since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Watched:
    """A program whose log is read while it runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)

    def wait_for(self, word: str) -> None:
        """Until a line of the log holds a word."""
        end = time.monotonic() + programs.TIME_LIMIT
        while not any(word in line for line in self.lines):
            if time.monotonic() > end or self.process.poll() is not None:
                raise AssertionError(f"no '{word}' in the log\n{''.join(self.lines)}")
            time.sleep(0.005)

    def finish(self) -> Done:
        """Waits for the end."""
        assert self.process.stdout
        code = self.process.wait(programs.TIME_LIMIT)
        out = self.process.stdout.read()
        self.reader.join()
        return Done(list(map(str, self.process.args)), code, out, "".join(self.lines), False)  # type: ignore


class Spectrum(ProgramTest):
    """The outputs of k7_spectral, when their places become impossible while it computes."""

    def setUp(self) -> None:
        super().setUp()
        write_samples(self.folder / "s.h5", 4000)

    def watch(self, arguments: str, ranks: int = 1) -> Watched:
        watched = Watched(self.start_here("k7_spectral", *arguments.split(), ranks=ranks))
        watched.wait_for("read 4000 points")
        return watched

    def test_a_disk_that_fills_up_meanwhile(self) -> None:
        disk = self.small_disk(1 << 20)
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                watched = self.watch(f"{SPECTRAL} disk/out.json --eigenvectors disk/modes.h5", ranks)
                self.assertGreater(fill(disk), 0)
                self.assert_code(watched.finish(), 0)
                self.assertEqual(len(json.loads((disk / "out.json").read_text())["spectral"]["eigenvalues"]), 6)
                with h5py.File(disk / "modes.h5") as file:
                    self.assertEqual(file["eigenvectors"].shape, (4000, 6))
                self.assertEqual(sorted(p.name for p in disk.iterdir()), ["filler", "modes.h5", "modes.xdmf", "more", "out.json"])
                for name in ("modes.h5", "modes.xdmf", "more", "out.json"):
                    (disk / name).unlink()

    def test_reserved_space_goes_with_a_kill(self) -> None:
        disk = self.small_disk(1 << 20)
        before = os.statvfs(disk).f_bfree
        watched = self.watch(f"{SPECTRAL} disk/out.json --eigenvectors disk/modes.h5")
        self.assertLess(os.statvfs(disk).f_bfree, before)
        watched.process.kill()
        watched.finish()
        self.assertEqual(os.statvfs(disk).f_bfree, before)
        self.assertEqual([p.name for p in disk.iterdir()], ["filler"])

    def test_too_little_space_shows_at_the_start(self) -> None:
        self.small_disk(1 << 16)
        done = self.run_here("k7_spectral", *f"{SPECTRAL} disk/out.json -n 40".replace("-n 6 ", "").split())
        self.assert_code(done, 2)
        self.assertRegex(error_lines(done)[0], r"disk/out\.json: .*No space left")
        self.assertNotIn("read 4000 points", done.err)

    def test_a_folder_that_vanishes(self) -> None:
        for ranks in (1, 3):
            with self.subTest(ranks=ranks):
                out = self.folder / "out"
                out.mkdir()
                here = self.folder / "out.json"
                here.write_text("somebody else's")
                watched = self.watch(f"{SPECTRAL} out/out.json --eigenvectors out/modes.h5 --graph g{ranks}.h5", ranks)
                shutil.rmtree(out)
                done = watched.finish()
                self.assert_code(done, 2)
                lines = error_lines(done)
                self.assertEqual(len(lines), 1, str(done))
                for name in ("out.json", "modes.h5", "modes.xdmf"):
                    stem, ending = name.split(".")
                    self.assertRegex(lines[0], rf"out/{stem}\.{ending}: .* in \./{stem}-\d+\.{ending}")
                    self.assertEqual(len(list(self.folder.glob(f"{stem}-*.{ending}"))), 1)
                modes, xdmf = (next(self.folder.glob(f"modes-*.{ending}")) for ending in ("h5", "xdmf"))
                self.assertIn(f">{modes.name}:/projection<", xdmf.read_text())
                self.assertEqual(here.read_text(), "somebody else's")
                rescued = next(self.folder.glob("out-*.json"))
                eigenvalues = json.loads(rescued.read_text())["spectral"]["eigenvalues"]
                self.assertIn(f"{eigenvalues[1]:.6g}"[:6], done.out)
                with h5py.File(next(self.folder.glob("modes-*.h5"))) as file:
                    np.testing.assert_allclose(file["eigenvalues"][()], eigenvalues)
                for path in [*self.folder.glob("out-*"), *self.folder.glob("modes-*")]:
                    path.unlink()

    def test_the_results_follow_where_eigenvectors_fail(self) -> None:
        out = self.folder / "out"
        out.mkdir()
        watched = self.watch(f"{SPECTRAL} spectral.json --eigenvectors out/modes.h5")
        shutil.rmtree(out)
        done = watched.finish()
        self.assert_code(done, 2)
        self.assertIn("eigenvalues", json.loads((self.folder / "spectral.json").read_text())["spectral"])
        self.assertIn("spectral.json written", done.out)


class StandardOutput(ProgramTest):
    """Standard output that is lost is noticed, one that nobody wants is not."""

    def run_to(self, words: str, redirection: str) -> Done:
        """A call with its output redirected by the shell."""
        line = " ".join(programs.command(*words.split()))  # type: ignore[arg-type]
        done = subprocess.run(["bash", "-c", f"{line} {redirection}"], cwd=self.folder, env=programs.environment(),
                              capture_output=True, text=True, timeout=programs.TIME_LIMIT, check=False)
        return Done([line, redirection], done.returncode, done.stdout, done.stderr, False)

    def assert_lost(self, done: Done, *fragments: str) -> None:
        self.assert_code(done, 1)
        lines = error_lines(done)
        self.assertEqual(len(lines), 1, str(done))
        for fragment in ("standard output cannot be written: No space left on device", *fragments):
            self.assertIn(fragment, lines[0])

    def test_full(self) -> None:
        write_samples(self.folder / "s.h5", 300)
        self.assert_lost(self.run_to("k7_spectral s.h5 -k 8 -n 4", "> /dev/full"), "the results are in spectral.json")
        self.assertTrue((self.folder / "spectral.json").exists())

    def test_full_for_help_and_version(self) -> None:
        for program in ("k7_train", "k7_sample", "k7_torsion", "k7_spectral"):
            for option in ("--help", "--version"):
                with self.subTest(program=program, option=option):
                    self.assert_lost(self.run_to(f"{program} {option}", "> /dev/full"))

    def test_a_file_name_that_is_not_utf8(self) -> None:
        write_samples(self.folder / "s.h5", 300)
        self.assert_code(self.run_to("k7_spectral s.h5 -k 8 -n 4", "-o $'\\xff.json' > table"), 0)
        json.loads((self.folder / os.fsdecode(b"\xff.json")).read_text())

    def test_control_characters_stay_out_of_the_terminal(self) -> None:
        write_samples(self.folder / "s.h5", 300)
        with h5py.File(self.folder / "s.h5", "r+") as file:
            file.attrs["manifold"] = "s1\x1b[2J\rxs3\nxs3" + 10000 * "x"
        for arguments in ("s.h5", "$'no\\x1b[31mne\\xff.h5'"):
            done = self.run_to(f"k7_spectral {arguments}", "")
            self.assert_code(done, 2)
            self.assertEqual(len(error_lines(done)), 1, str(done))
            self.assertNotRegex(done.err, r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")
            self.assertLess(len(done.err), 6200)

    def test_another_code_stays(self) -> None:
        write_samples(self.folder / "s.h5", 300)
        self.assert_code(self.run_to("k7_spectral s.h5 -k 8 -n 4 --require-pass", "> /dev/full"), 3)
        self.assert_code(self.run_to("k7_spectral absent.h5", "> /dev/full"), 2)

    def test_closed(self) -> None:
        """No file may get the number of standard output, or the table would be written into it."""
        write_samples(self.folder / "s.h5", 300)
        good = self.run_to("k7_spectral s.h5 -k 8 -n 4 --graph good.h5", "")
        self.assert_code(good, 0)
        for redirection in (">&-", "2>&-", "<&- >&- 2>&-"):
            with self.subTest(redirection=redirection):
                self.assert_code(self.run_to("k7_spectral s.h5 -k 8 -n 4 --graph graph.h5", redirection), 0)
                json.loads((self.folder / "spectral.json").read_text())
                with h5py.File(self.folder / "graph.h5") as file, h5py.File(self.folder / "good.h5") as good_file:
                    np.testing.assert_array_equal(file["neighbors"][()], good_file["neighbors"][()])

    def test_a_reader_that_wants_no_more(self) -> None:
        done = self.run_to("k7_train --help", "| head -1; exit ${PIPESTATUS[0]}")
        self.assert_code(done, 0)
        self.assertEqual(done.err, "")


class Training(ProgramTest):
    """A training goes on without its log, and stops with a checkpoint whenever it is asked to."""

    def test_the_reader_of_the_log_ends(self) -> None:
        line = " ".join(programs.command("k7_train", *f"{TRAIN} --epochs 40 --log-every 1".split()))
        done = subprocess.run(["bash", "-c", f"{line} 2>&1 | head -1; exit ${{PIPESTATUS[0]}}"], cwd=self.folder,
                              env=programs.environment(), capture_output=True, text=True, check=False,
                              timeout=programs.TIME_LIMIT)
        self.assertEqual(done.returncode, 0, done.stderr)
        tree = json.loads((self.folder / "run" / "train.json").read_text())
        self.assertEqual(tree["training"]["epochs"], 40)

    def test_a_log_on_a_full_disk(self) -> None:
        line = " ".join(programs.command("k7_train", *f"{TRAIN} --epochs 5 --log-every 1".split()))
        done = subprocess.run(["bash", "-c", f"{line} 2> /dev/full"], cwd=self.folder, env=programs.environment(),
                              timeout=programs.TIME_LIMIT, check=False)
        self.assertEqual(done.returncode, 0)

    def stop(self, arguments: str, delay: float, number: int, environment: dict[str, str]) -> None:
        """A signal `delay` seconds after the start ends the training with a checkpoint, soon. Only while the dynamic
        loader still brings in LibTorch, which takes a fifth of a second here, can nothing be done against it. On a busy
        machine that may last longer, but takes no more of a core."""
        shutil.rmtree(self.folder / "run", ignore_errors=True)
        process = subprocess.Popen(programs.command("k7_train", *arguments.split()), cwd=self.folder, env=environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(delay)
        is_young = delay < 1.0 or processor_seconds(process.pid) < LONGEST_LOADING
        is_loading = is_young and not holds_signals(process.pid)
        started = time.monotonic()
        process.send_signal(number)
        done = programs.finish(process)
        if is_loading and done.code == -number:
            return
        self.assert_code(done, 75)
        self.assertLess(time.monotonic() - started, 15, str(done))
        self.assertTrue((self.folder / "run" / "last.h5").exists(), str(done))

    def test_early_signals(self) -> None:
        """Without GOMP_SPINCOUNT the program starts itself a second time."""
        again = programs.environment()
        again.pop("GOMP_SPINCOUNT")
        for environment in (programs.environment(), again):
            for delay in (0.05, 0.2, 0.35, 0.5, 1.0, 1.5, 2.0):
                with self.subTest(delay=delay, again=environment is again):
                    self.stop(f"{TRAIN} --epochs 1000000", delay, signal.SIGTERM, environment)

    def test_during_the_search_for_constants(self) -> None:
        for delay in (1.0, 1.5, 2.5):
            with self.subTest(delay=delay):
                self.stop("--preset quick --manifold s1xs3xs3 --epochs 1000000 --out run", delay, signal.SIGUSR1,
                          programs.environment())


class Crowds(ProgramTest):
    """Millions of copies of a point, and numbers that squared distances cannot be computed of: refused at once."""

    N = 3_000_000

    def write(self, coords: Any, metric_scale: float = 1.0) -> None:
        with h5py.File(self.folder / "s.h5", "w") as file:
            file["coords"] = coords
            metric = file.create_dataset("metric", (len(coords), 7, 7), "f8" if metric_scale != 1.0 else "f4")
            block = np.broadcast_to(metric_scale * np.eye(7), (100_000, 7, 7)).astype(metric.dtype)
            for begin in range(0, len(coords), len(block)):
                metric[begin:begin + len(block)] = block[:len(coords) - begin]

    def refuse(self, fragments: list[str], limit: float, ranks: int = 1, arguments: str = "-k 8 -n 4") -> None:
        started = time.monotonic()
        done = self.run_here("k7_spectral", "s.h5", *arguments.split(), ranks=ranks)
        self.assert_code(done, 2)
        self.assertLess(time.monotonic() - started, limit, str(done))
        lines = error_lines(done)
        self.assertEqual(len(lines), 1, str(done))
        for fragment in ["s.h5", *fragments]:
            self.assertRegex(lines[0], fragment)
        self.assertFalse((self.folder / "spectral.json").exists())

    @pytest.mark.long
    def test_copies(self) -> None:
        random = np.random.default_rng(1)
        one = random.random(7)
        kinds = {"all": lambda: np.broadcast_to(one, (self.N, 7)),
                 "ten places": lambda: random.random((10, 7))[random.integers(0, 10, self.N)],
                 "up to rounding": lambda: one * (1 + 2.0**-52 * random.integers(-2, 3, (self.N, 7)))}
        for name, make in kinds.items():
            self.write(make())
            for ranks in (1, 3) if name == "all" else (1,):
                with self.subTest(name, ranks=ranks):
                    self.refuse([r"row \d+", "duplicate"], 30.0, ranks)

    def test_half_are_copies(self) -> None:
        coords = np.random.default_rng(1).random((200_000, 7))
        coords[::2] = coords[0]
        self.write(coords)
        for arguments in ("-k 8 -n 4", "-k 8 -n 4 --method notebook"):
            self.refuse([r"row \d*[02468]\b", "duplicate"], 10.0, arguments=arguments)

    def test_numbers_out_of_range(self) -> None:
        coords = np.random.default_rng(1).random((400, 7))
        for scale, word in ((1e300, "large"), (1e160, "large"), (1e-300, "small"), (1e-160, "small")):
            for dataset in ("coords", "metric"):
                if dataset == "metric" and 1e-160 <= scale <= 1e160:
                    continue
                with self.subTest(scale=scale, dataset=dataset):
                    self.write(coords * (scale if dataset == "coords" else 1.0),
                               1.0 if dataset == "coords" else scale)
                    self.refuse([f"/{dataset} row \\d+", f"too {word}", "units of length"], 10.0,
                                ranks=3 if scale == 1e300 else 1)

    def test_one_large_number(self) -> None:
        coords = np.random.default_rng(1).random((400, 7))
        coords[123, 4] = -1e250
        self.write(coords)
        self.refuse([r"/coords row 123\b", "too large"], 10.0)

    def test_units_do_not_matter_within_the_range(self) -> None:
        coords = np.random.default_rng(1).random((400, 7))
        first = []
        for scale in (1.0, 1e15, 1e-40, 1e140, 1e-140):
            self.write(coords * scale)
            done = self.run_here("k7_spectral", "s.h5", "-k", 8, "-n", 4, "--no-extrapolate")
            self.assert_code(done, 0)
            self.assertNotIn("units of length", done.err)
            tree = json.loads((self.folder / "spectral.json").read_text())
            first.append(tree["spectral"]["eigenvalues"][1] * scale**2)
        np.testing.assert_allclose(first, first[0], rtol=1e-9)


if __name__ == "__main__":
    unittest.main()
