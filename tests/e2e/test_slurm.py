# SPDX-License-Identifier: Apache-2.0
"""The scripts of jobs/ on a real Slurm, with two make-believe nodes on this machine."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from slurm_cluster import Cluster, Job, why_none

pytestmark = pytest.mark.skipif(bool(why_none()), reason=why_none() or "there is Slurm")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.stop()


def epochs(job: Job) -> list[int]:
    with (job.out / "history.csv").open() as stream:
        return [int(row["epoch"]) for row in csv.DictReader(stream)]


@contextmanager
def lost(cluster: Cluster, node: str) -> Iterator[None]:
    """A node that is down, and up again at the end."""
    cluster.run(["scontrol", "update", f"nodename={node}", "state=down", "reason=test"])
    try:
        yield
    finally:
        cluster.run(["scontrol", "update", f"nodename={node}", "state=resume"])


def signal(job: Job) -> None:
    """As Slurm does before the time limit: to the steps, not to the script."""
    job.cluster.run(["scancel", "--signal=USR1", job.number])


@pytest.mark.timeout(900)
def test_training_goes_on_after_signals_and_a_lost_node(cluster: Cluster) -> None:
    """No epoch is lost and none is done twice, whatever stopped the job."""
    job = Job(cluster, "cpu.slurm", "stops", "--ntasks=2", "--cpus-per-task=1", PRESET="quick", SAMPLES="2000")
    job.wait_for_line("train: launch")
    time.sleep(3.0)
    signal(job)
    job.start_again()
    job.wait_for_line("epoch +100/800")
    signal(job)
    job.start_again()
    assert (job.out / "last.h5").exists()
    job.wait_for_line("epoch +300/800")
    node = job.property("NodeList")
    with lost(cluster, node):
        job.wait_until("the job is back in the queue", lambda: job.property("Restarts") == "3")
        assert not (job.out / ".train.done").exists(), "training is not done because its node failed"
        job.start_again()
        assert job.property("NodeList") != node
        assert job.wait_for_end() == "COMPLETED", job.log()
    assert epochs(job) == list(range(800))
    for name in ("samples.h5", "spectral.json", "results.html"):
        assert (job.out / name).stat().st_size > 0
    assert "all done" in job.log()


def test_time_limit_warns_the_training_itself(cluster: Cluster) -> None:
    """Slurm's own signal, which comes as --signal says or up to a minute earlier."""
    job = Job(cluster, "cpu.slurm", "limit", "--ntasks=2", "--cpus-per-task=1", "--time=1", "--signal=USR1@45",
              PRESET="neck", SAMPLES="2000")  # hours, so that no machine is done before the signal
    job.wait_for_line("back into the queue")
    assert (job.out / "last.h5").exists()
    assert "signal after" in job.log()
    cluster.run(["scancel", job.number])


def test_gpu_job_without_gpus_ends_early(cluster: Cluster) -> None:
    job = Job(cluster, "a100x8.slurm", "gpus", "--ntasks=2", "--cpus-per-task=1")
    assert job.wait_for_end() == "FAILED"
    lines = [line for line in job.log().splitlines() if line.startswith("k7_train: error:")]
    assert len(lines) == 1, job.log()
    assert "no CUDA device" in lines[0]
    assert "the steps after it were not run" in job.log()
    assert not list(job.out.glob("*.h5"))


def test_weak_scaling_over_two_nodes(cluster: Cluster) -> None:
    job = Job(cluster, "weak_scaling.slurm", "scaling", "--nodes=2", "--ntasks=4", POINTS_PER_RANK="2000")
    assert job.wait_for_end() == "COMPLETED", job.log()
    with (job.out / "scaling.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["ranks"], row["points"]) for row in rows] == [("1", "2000"), ("2", "4000"), ("4", "8000")]
    assert (job.out / "scaling.png").read_bytes().startswith(b"\x89PNG"), job.log()
    spectrum = json.loads((job.out / "spectral_4.json").read_text())
    assert spectrum["parallel"]["ranks"] == 4
