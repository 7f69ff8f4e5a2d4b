# SPDX-License-Identifier: Apache-2.0
"""The Slurm scripts of jobs/, run with stand-ins for srun, scontrol and K7's programs that write down their calls."""

from __future__ import annotations

import csv
import subprocess
import tempfile
import unittest
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JOBS = ROOT / "jobs"
SCRIPTS = ("a100x8.slurm", "cpu.slurm", "weak_scaling.slurm")

SRUN = r"""#!/bin/bash
echo "srun $*" >>"$CALLS"
while [[ $1 == --* ]]; do
  [[ $1 != --ntasks=* ]] || export FAKE_RANKS=${1#*=}
  shift
done
exec "$@"
"""
SCONTROL = '#!/bin/bash\necho "scontrol $*" >>"$CALLS"\n'
# A program writes down its call, ends with the code in the file NAME.code if that is there, and else makes its output.
PROGRAM = r"""#!/bin/bash
name=$(basename "$0")
echo "$name $*" >>"$CALLS"
if [[ -f $FAKE/$name.code ]]; then exit "$(<"$FAKE/$name.code")"; fi
while (($# > 1)); do
  [[ $1 != -o ]] || out=$2
  shift
done
if [[ $name == k7_spectral ]]; then
  echo '{"parallel": {"ranks": '"$FAKE_RANKS"', "peak_memory_mib": [10.2, 20.4]}, "spectral": {"n_points": 70},
         "timing": {"read_s": 1, "partition_s": 2, "knn_s": 3, "assemble_s": 4, "eigensolve_s": 5,
                    "total_s": 15}}' >"$out"
elif [[ -n ${out-} ]]; then
  touch "$out"
fi
"""
PROGRAMS = ("k7_train", "k7_sample", "k7_spectral", "k7_report")


@pytest.mark.quick
class JobTest(unittest.TestCase):
    def setUp(self) -> None:
        holder = tempfile.TemporaryDirectory(prefix="k7_jobs_test.")
        self.addCleanup(holder.cleanup)
        self.folder = Path(holder.name)
        self.fake = self.folder / "fake"
        self.fake.mkdir()
        self.calls_file = self.folder / "calls"
        for name, text in [("srun", SRUN), ("scontrol", SCONTROL), *((name, PROGRAM) for name in PROGRAMS)]:
            (self.fake / name).write_text(text)
            (self.fake / name).chmod(0o755)

    def job(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Runs a job script as Slurm would, in a folder of its own; the calls that it makes are in `calls()`."""
        self.calls_file.write_text("")
        environment = {"PATH": f"{self.fake}:/usr/bin:/bin", "CALLS": str(self.calls_file), "FAKE": str(self.fake),
                       "SLURM_JOB_ID": "42", "SLURM_NTASKS": "8", "SLURM_JOB_NUM_NODES": "1",
                       "SLURM_CPUS_PER_TASK": "4", "SLURM_SUBMIT_DIR": str(ROOT)}
        copy = self.folder / "slurm_script"  # Slurm runs a copy, far from the other files of jobs/
        copy.write_text((JOBS / script).read_text())
        return subprocess.run(["bash", str(copy)], cwd=self.folder, env=environment | more, capture_output=True,
                              text=True, timeout=60, check=False)

    def calls(self, *names: str) -> list[str]:
        """The calls in their order; only those of the named programs."""
        names = names or PROGRAMS + ("scontrol",)
        return [line for line in self.calls_file.read_text().splitlines() if line.split()[0] in names]

    def ends_with(self, program: str, code: int | None) -> None:
        """Makes a program end with this code; None: well again."""
        file = self.fake / f"{program}.code"
        file.write_text(str(code)) if code is not None else file.unlink()

    def assert_ok(self, done: subprocess.CompletedProcess[str]) -> None:
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_syntax_and_headers(self) -> None:
        for name in (*SCRIPTS, "common.sh"):
            self.assertEqual(subprocess.run(["bash", "-n", str(JOBS / name)], check=False).returncode, 0, name)
        for name in SCRIPTS:
            with self.subTest(name):
                text = (JOBS / name).read_text()
                lines = text.splitlines()
                self.assertTrue(lines[0].startswith("#!"))
                self.assertIn("set -euo pipefail", lines)
                head = [line for line in lines if line.startswith("#SBATCH ")]
                options = {line.split()[1].partition("=")[0] for line in head}
                self.assertLessEqual({"--nodes", "--ntasks", "--cpus-per-task", "--time", "--signal", "--requeue",
                                      "--open-mode", "--output"}, options)
                # sbatch reads no option behind the first command.
                first_command = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
                self.assertLess(max(lines.index(line) for line in head), first_command)
                self.assertNotRegex(text, r"/home/|/scratch/|/root/")
                self.assertRegex(text, r"--signal=USR1@\d+")  # to the steps, not (B:) to the script

    def test_gpu_node(self) -> None:
        text = (JOBS / "a100x8.slurm").read_text()
        for line in ("--nodes=1", "--ntasks=8", "--gres=gpu:8", "--signal=USR1@300"):
            self.assertIn(f"#SBATCH {line}\n", text)

    def test_order_and_arguments(self) -> None:
        for script, device, n in (("a100x8.slurm", "cuda", 4_000_000), ("cpu.slurm", "cpu", 100_000)):
            with self.subTest(script):
                out = f"outputs/{script.removesuffix('.slurm')}"
                self.assert_ok(self.job(script))
                self.assertEqual(self.calls(), [
                    f"k7_train --preset neck --device {device} --out {out}",
                    f"k7_sample --model {out}/best.h5 -N {n} --device {device} -o {out}/samples.h5",
                    f"k7_spectral {out}/samples.h5 -o {out}/spectral.json",
                    f"k7_report {out}"])
                self.assertEqual([line.split(" /")[0] for line in self.calls("srun")],
                                 ["srun --mpi=pmix --ntasks=8 --nodes=1"] * 3)

    def test_variables_of_a_site(self) -> None:
        self.assert_ok(self.job("cpu.slurm", SRUN_MPI="pmi2", OUT="my out", PRESET="quick", SAMPLES="500",
                                SLURM_NTASKS="6", SLURM_JOB_NUM_NODES="2"))
        self.assertEqual(self.calls()[0], "k7_train --preset quick --device cpu --out my out")
        self.assertIn("-N 500 ", self.calls()[1])
        self.assertIn("--mpi=pmi2 --ntasks=6 --nodes=2", self.calls("srun")[0])

    def test_programs_by_k7_bin(self) -> None:
        programs = self.folder / "programs"
        programs.mkdir()
        for name in ("k7_train", "k7_sample", "k7_spectral"):
            (self.fake / name).rename(programs / name)
        self.assert_ok(self.job("cpu.slurm", K7_BIN=str(programs)))
        self.assertEqual(len(self.calls()), 4)
        done = self.job("cpu.slurm", K7_BIN=str(self.folder))
        self.assertEqual((done.returncode, self.calls()), (2, []))
        self.assertIn("K7_BIN", done.stderr)

    def test_programs_of_the_repository(self) -> None:
        root = self.folder / "root"
        (root / "build" / "bin").mkdir(parents=True)
        (root / "tools").mkdir()
        (root / "jobs").symlink_to(JOBS)
        for name in PROGRAMS:
            (self.fake / name).rename(root / ("tools" if name == "k7_report" else "build/bin") / name)
        self.assert_ok(self.job("cpu.slurm", SLURM_SUBMIT_DIR=str(root)))
        self.assertEqual(len(self.calls()), 4)

    def test_missing_program_or_folder(self) -> None:
        (self.fake / "k7_spectral").unlink()
        (self.folder / "empty" / "jobs").mkdir(parents=True)
        (self.folder / "empty" / "jobs" / "common.sh").write_text((JOBS / "common.sh").read_text())
        done = self.job("cpu.slurm", K7_ROOT=str(self.folder / "empty"))
        self.assertEqual((done.returncode, self.calls()), (2, []))
        self.assertIn("k7_spectral", done.stderr)
        done = self.job("cpu.slurm", SLURM_SUBMIT_DIR=str(self.folder))
        self.assertEqual((done.returncode, self.calls()), (2, []))
        self.assertIn("K7_ROOT", done.stderr)

    def test_checkpoint_goes_back_into_the_queue(self) -> None:
        self.ends_with("k7_train", 75)
        self.assert_ok(self.job("a100x8.slurm"))
        self.assertEqual([line.split()[0] for line in self.calls()], ["k7_train", "scontrol"])
        self.assertEqual(self.calls()[-1], "scontrol requeue 42")
        self.ends_with("k7_train", None)
        self.assert_ok(self.job("a100x8.slurm"))
        self.assertEqual([line.split()[0] for line in self.calls()], list(PROGRAMS))

    def test_done_steps_are_skipped(self) -> None:
        self.ends_with("k7_spectral", 4)
        self.assertEqual(self.job("cpu.slurm").returncode, 4)
        self.ends_with("k7_spectral", None)
        self.assert_ok(self.job("cpu.slurm"))
        self.assertEqual([line.split()[0] for line in self.calls()], ["k7_spectral", "k7_report"])
        self.assert_ok(self.job("cpu.slurm"))
        self.assertEqual(self.calls(), [])

    def test_other_options_run_a_step_and_all_after_it_again(self) -> None:
        self.assert_ok(self.job("cpu.slurm"))
        self.assert_ok(self.job("cpu.slurm", SAMPLES="77"))
        self.assertEqual([line.split()[0] for line in self.calls()], ["k7_sample", "k7_spectral", "k7_report"])

    def test_failure_stops_the_chain(self) -> None:
        for position, program in enumerate(PROGRAMS):
            for code in (1, 2, 4, 139):
                with self.subTest(program, code=code):
                    self.ends_with(program, code)
                    done = self.job("cpu.slurm", OUT=f"{program}-{code}")
                    self.assertEqual(done.returncode, code)
                    self.assertIn(str(code), done.stderr)
                    self.assertEqual([line.split()[0] for line in self.calls()], list(PROGRAMS[:position + 1]))
                    self.ends_with(program, None)

    def test_time_limit_in_a_step_without_checkpoints(self) -> None:
        self.ends_with("k7_sample", 138)
        self.assert_ok(self.job("cpu.slurm"))  # training took its part of the time: once more with all of it
        self.assertEqual(self.calls()[-1], "scontrol requeue 42")
        done = self.job("cpu.slurm")  # all of it was not enough: no endless loop
        self.assertEqual(done.returncode, 2)
        self.assertIn("--time", done.stderr)
        self.assertEqual(self.calls("scontrol"), [])

    def test_signal_before_the_training_loop_goes_back_into_the_queue(self) -> None:
        for code, checkpoint in ((143, False), (143, True), (138, False), (138, True)):
            with self.subTest(code=code, checkpoint=checkpoint):
                out = self.folder / f"out-{code}-{checkpoint}"
                out.mkdir()
                if checkpoint:
                    (out / "last.h5").write_text("1")
                self.ends_with("k7_train", code)
                for _ in range(2):
                    self.assert_ok(self.job("cpu.slurm", OUT=str(out)))
                    self.assertEqual(self.calls()[-1], "scontrol requeue 42")
                done = self.job("cpu.slurm", OUT=str(out))  # no endless loop
                self.assertEqual((done.returncode, self.calls("scontrol")), (code, []))
                self.assertIn("without a new checkpoint", done.stderr)

    def test_progress_between_signals_counts_anew(self) -> None:
        self.ends_with("k7_train", 143)
        out = self.folder / "out"
        out.mkdir()
        for start in range(5):
            (out / "last.h5").write_text("x" * start)
            self.assert_ok(self.job("cpu.slurm", OUT=str(out)))
            self.assertEqual(self.calls()[-1], "scontrol requeue 42")

    def test_a_step_that_the_program_did_not_end_is_not_done(self) -> None:
        """srun ends with 0 where a node failed in the middle."""
        srun = self.fake / "srun"
        whole = srun.read_text()
        srun.write_text(whole.replace('exec "$@"', "exit 0"))
        done = self.job("cpu.slurm")
        self.assertEqual(done.returncode, 1)
        self.assertIn("srun ended before k7_train did", done.stderr)
        srun.write_text(whole)
        self.assert_ok(self.job("cpu.slurm"))
        self.assertEqual([line.split()[0] for line in self.calls()], list(PROGRAMS))

    def test_signals_reach_the_program_and_its_exit_code_the_job(self) -> None:
        (self.fake / "k7_train").write_text(
            '#!/bin/bash\ntrap "exit 75" USR1\nkill -USR1 $PPID $$\nsleep 1\nexit 0\n')
        done = self.job("cpu.slurm")
        self.assert_ok(done)
        self.assertIn("train: stopped after a checkpoint", done.stdout)
        self.assertEqual(self.calls("scontrol"), ["scontrol requeue 42"])

    def test_a_kill_for_memory_is_not_repeated(self) -> None:
        self.ends_with("k7_train", 137)
        self.assertEqual(self.job("cpu.slurm").returncode, 137)
        self.assertEqual(self.calls("scontrol"), [])

    def test_weak_scaling(self) -> None:
        self.assert_ok(self.job("weak_scaling.slurm", POINTS_PER_RANK="1000", SLURM_NTASKS="6",
                                SLURM_JOB_NUM_NODES="2"))
        out = "outputs/weak_scaling"
        expected = []
        for ranks in (1, 2, 4):
            samples = f"{out}/samples_{ranks}.h5"
            expected += [f"k7_sample --manifold s1xs3xs3 --radii 33,33,28 -N {1000 * ranks} -o {samples}",
                         f"k7_spectral {samples} -k 30 -o {out}/spectral_{ranks}.json"]
        self.assertEqual(self.calls(), expected)
        self.assertEqual([line.split(" /")[0] for line in self.calls("srun")],
                         [f"srun --mpi=pmix --ntasks={n} --nodes={nodes}"
                          for n, nodes in ((1, 1), (2, 1), (4, 2)) for _ in range(2)])
        with (self.folder / out / "scaling.csv").open() as stream:
            rows = list(csv.DictReader(stream))
        self.assertEqual([row["ranks"] for row in rows], ["1", "2", "4"])
        self.assertEqual(rows[0], {"ranks": "1", "points": "70", "read_s": "1.000", "partition_s": "2.000",
                                   "knn_s": "3.000", "assemble_s": "4.000", "eigensolve_s": "5.000",
                                   "total_s": "15.000", "peak_memory_mib": "20"})
        self.assertEqual(list((self.folder / out).glob("samples*")), [])

    def test_weak_scaling_stops_and_goes_on(self) -> None:
        self.ends_with("k7_spectral", 1)
        self.assertEqual(self.job("weak_scaling.slurm").returncode, 1)
        self.ends_with("k7_spectral", None)
        self.assert_ok(self.job("weak_scaling.slurm", SLURM_NTASKS="2"))
        self.assertEqual([line.split()[0] for line in self.calls()], ["k7_spectral", "k7_sample", "k7_spectral"])


if __name__ == "__main__":
    unittest.main()
