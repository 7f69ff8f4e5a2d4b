# SPDX-License-Identifier: Apache-2.0
"""K7 on several hosts that are joined by a network, TCP between them."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import programs
from hosts import SETTINGS, Hosts, why_none

pytestmark = pytest.mark.skipif(bool(why_none()), reason=why_none() or "there are hosts")
TRAINING = ("--preset", "quick", "--hidden", "8,8", "--batch-size", "96", "--threads", "1")


@pytest.fixture()
def hosts() -> Iterator[Hosts]:
    made = Hosts(3)
    yield made
    made.close()


def run(words: list[str]) -> str:
    done = subprocess.run(words, env=programs.environment() | SETTINGS, capture_output=True, text=True, timeout=120,
                          check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr


def eigenvalues(path: Path) -> list[float]:
    return json.loads(path.read_text())["spectral"]["eigenvalues"]


def test_training_has_the_same_bits(hosts: Hosts, tmp_path: Path) -> None:
    words = [programs.BIN / "k7_train", *TRAINING, "--epochs", "12", "--out"]
    run(hosts.mpirun(*words, tmp_path / "several"))
    run(list(map(str, [*words, tmp_path / "one"])))
    several, one = (tmp_path / name / "history.csv" for name in ("several", "one"))
    assert several.read_text() == one.read_text()


def test_spectrum_is_the_same(hosts: Hosts, tmp_path: Path) -> None:
    samples = tmp_path / "samples.h5"
    run([str(programs.BIN / "k7_sample"), "--manifold", "s1xs3xs3", "--radii", "1,1,1", "-N", "2000", "-o", str(samples)])
    words = [programs.BIN / "k7_spectral", samples, "-k", "16", "--method", "graph", "--no-extrapolate", "-o"]
    log = run(hosts.mpirun(*words, tmp_path / "several.json"))
    assert "3 ranks" in log
    run(list(map(str, [*words, tmp_path / "one.json"])))
    one, several = (eigenvalues(tmp_path / f"{name}.json") for name in ("one", "several"))
    assert several[1:] == pytest.approx(one[1:], rel=1e-12)


def test_a_cut_link_is_noticed_within_seconds(hosts: Hosts, tmp_path: Path) -> None:
    """With OpenMPI's own settings it takes minutes, in which all hosts wait for the one that is gone."""
    settings = dict(re.findall(r"export (OMPI_MCA_oob_tcp_keepalive\w+)=(\d+)",
                               (programs.ROOT / "jobs" / "common.sh").read_text()))
    assert len(settings) == 3
    words = hosts.mpirun(programs.BIN / "k7_train", *TRAINING, "--epochs", "100000", "--patience", "100000", "--out",
                         tmp_path / "out")
    with subprocess.Popen(words, env=programs.environment() | SETTINGS | settings, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as job:
        assert job.stdout is not None
        while "epoch" not in (line := job.stdout.readline()):
            assert line, "training ended before it began"
        hosts.cut(3)
        start = time.monotonic()
        try:
            rest = job.communicate(timeout=60)[0]
        finally:
            job.kill()
    assert time.monotonic() - start < 30.0  # 5 s of silence and 3 probes, 2 s apart, and what a loaded machine adds
    assert job.returncode not in (0, 75)
    assert "lost communication with a remote daemon" in rest
