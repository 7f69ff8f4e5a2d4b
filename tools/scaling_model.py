# SPDX-License-Identifier: Apache-2.0
"""What each stage of K7 does on one rank, as a function of the work, and the seconds that a machine would take.

Counts of calls and messages are those of docs/scaling.md, where they are held against counted ones. Seconds are guesses: the
rates of `core` were measured, those of `a100` are what its makers say, times the part that K7 reached on `core`.
"""

from __future__ import annotations

import dataclasses
import math

POINT_BYTES = 8 * (9 + 28 + 2)  # of a point in the halo: place, metric, density, row
ENTRY_BYTES = 12  # of a matrix: value and column
UNIT_BALL = 16.0 * math.pi**3 / 105.0  # volume in seven dimensions
STEP_FLOPS = 4.4e7  # of a training step, per point, for the default network: 3.2e7 in products, and other work in their time
PARAMETERS = 6.6e5  # of the default network
LAUNCHES = 360  # of a training step on a GPU with SOAP, counted on a CPU: 350, and 100 more in every tenth; AdamW has 308


@dataclasses.dataclass(frozen=True)
class Work:
    """A spectrum of `points` points, or a training step of `batch` points, on `ranks` ranks."""

    points: float
    ranks: int
    neighbors: int = 32
    batch: float = 4096

    @property
    def own(self) -> float:
        """Points of a rank."""
        return self.points / self.ranks

    @property
    def halo(self) -> float:
        """At most so many points of other ranks are searched: those around a cube, nearer than a ball of 3k points is wide."""
        radius = (3.0 * self.neighbors / (UNIT_BALL * self.own)) ** (1.0 / 7.0)  # in widths of the cube
        return min(self.own * ((1.0 + 2.0 * radius) ** 7 - 1.0), self.points - self.own)

    @property
    def partners(self) -> int:
        """Ranks that have neighbours of points of this one: at most all others."""
        return self.ranks - 1

    @property
    def basis(self) -> float:
        """Functions of Rayleigh-Ritz."""
        return max(24.0, min(400.0, self.points / 20.0))


@dataclasses.dataclass(frozen=True)
class Machine:
    """What one rank has."""

    name: str
    host_cores: float  # that search neighbours and assemble
    flops: float  # per second, of products of matrices
    bandwidth: float  # bytes per second, of the memory that the matrix is in
    network: float  # bytes per second, to other ranks
    latency: float  # seconds of a message
    launch: float = 0.0  # seconds of a kernel's start


CORE = Machine("core", 1.0, 4.0e10, 5.0e9, 4.0e9, 1.0e-6)
A100 = Machine("a100", 8.0, 0.7 * 19.5e12, 0.8 * 1.9e12, 2.0e10, 4.0e-6, 5.0e-6)
MACHINES = {machine.name: machine for machine in (CORE, A100)}


@dataclasses.dataclass(frozen=True)
class Stage:
    """What one rank does in a stage."""

    collectives: float = 0.0
    collective_bytes: float = 0.0
    messages: float = 0.0  # to other ranks
    message_bytes: float = 0.0
    flops: float = 0.0
    memory_bytes: float = 0.0  # read or written where the matrix is
    host_seconds: float = 0.0  # of one core of `core`

    def seconds(self, machine: Machine, ranks: int) -> float:
        hops = math.log2(ranks) if ranks > 1 else 0.0
        sent = (self.message_bytes + self.collective_bytes) / machine.network if ranks > 1 else 0.0
        waited = machine.latency * (self.messages + self.collectives * hops)
        computed = self.flops / machine.flops + self.memory_bytes / machine.bandwidth
        return self.host_seconds / machine.host_cores + computed + sent + waited


def search_seconds(points: float, halo: float) -> float:
    """For 3k neighbours of each point. Measured: 37 us for each of 10^6, and 0.46 times that for each of 10^5."""
    return 37e-6 * points * ((points + halo) / 1e6) ** 0.33


def solve(work: Work, neighbors: float, products: float) -> Stage:
    """An eigensolve: each product reads the matrix, and the basis for half of its vectors."""
    vectors = 33.0
    per_product = work.own * (ENTRY_BYTES * 1.25 * neighbors + 8.0 * 2.0 * vectors)
    ghosts = min(work.halo, work.own * neighbors)
    return Stage(collectives=1.3 * products, collective_bytes=8.0 * vectors * products, messages=products * work.partners,
                 message_bytes=8.0 * ghosts * products, memory_bytes=per_product * products)


def stages(work: Work) -> dict[str, Stage]:
    """Of `k7_spectral`, in their order, and of a training step."""
    k = work.neighbors
    log_ranks = math.ceil(math.log2(work.ranks)) if work.ranks > 1 else 0
    edge_seconds = 0.24e-6
    first = solve(work, k, 250.0)
    # Graphs of all points with 3k neighbours, and of both halves with k and 3k.
    rest = solve(work, 7.0 * k, 200.0)
    return {
        "partition": Stage(collectives=7.0 + 7.0 * log_ranks, collective_bytes=1e4 * work.ranks, messages=4.0 * work.partners,
                           message_bytes=POINT_BYTES * work.own, host_seconds=1.1e-6 * work.own),
        "kNN": Stage(collectives=6.0, messages=6.0 * work.partners, message_bytes=POINT_BYTES * work.halo,
                     host_seconds=search_seconds(work.own, work.halo)),
        "assemble": Stage(collectives=51.0, messages=44.0 * work.partners, message_bytes=44.0 * 8.0 * min(work.halo, work.own * k),
                          host_seconds=edge_seconds * k * work.own),
        "eigensolve": first,
        "limits": dataclasses.replace(rest, host_seconds=2.0 * search_seconds(work.own / 2.0, work.halo / 2.0)
                                      + edge_seconds * 7.0 * k * work.own),
        "Ritz": Stage(collectives=78.0, collective_bytes=50.0 * 16.0 * work.basis**2,
                      flops=8.0 * work.own * work.basis**2),  # of symmetric products of seven derivatives and the value
    }


def training_step(work: Work, machine: Machine) -> float:
    """Seconds of a step: a GPU waits for the host where launches take longer than products."""
    step = Stage(collectives=1.0, collective_bytes=2.0 * 8.0 * PARAMETERS, flops=STEP_FLOPS * work.batch / work.ranks)
    return max(step.seconds(machine, work.ranks), LAUNCHES * machine.launch)


def memory_bytes(work: Work) -> float:
    """Of a rank, at most: what the search holds of the halo, or lists and matrix of its own points."""
    own = 4000.0 * work.own
    return max(own, 2000.0 * work.own + POINT_BYTES * work.halo)


def model_table(points: float, ranks: list[int], neighbors: int, batch: float, machine: Machine) -> str:
    """A line for each number of ranks: seconds of each stage and the largest memory of a rank."""
    names = list(stages(Work(points, 1)))
    lines = [f"{'ranks':>6} {'own points':>11} {'halo':>9} " + " ".join(f"{name:>10}" for name in names)
             + f" {'together':>10} {'GB of a rank':>12} {'training step':>13}"]
    for n in ranks:
        work = Work(points, n, neighbors, batch)
        seconds = [stage.seconds(machine, n) for stage in stages(work).values()]
        cells = " ".join(f"{f'{s:.3g} s':>10}" for s in [*seconds, sum(seconds)])
        lines.append(f"{n:>6} {work.own:>11.3g} {work.halo:>9.2g} {cells} {memory_bytes(work) / 1e9:>12.3g} "
                     f"{f'{1e3 * training_step(work, machine):.3g} ms':>13}")
    return "\n".join(lines)
