# SPDX-License-Identifier: Apache-2.0
"""Spack recipe of K7; docs/packages.md says how to use it."""

import json
import os
from pathlib import Path

from spack_repo.builtin.build_systems.cmake import CMakePackage
from spack_repo.builtin.build_systems.cuda import CudaPackage

from spack.package import *


class K7(CMakePackage, CudaPackage):
    """G2 metrics by neural networks, and their Laplace spectra: training, sampling and
    eigenvalues of the Laplace operator, distributed with MPI."""

    test_requires_compiler = True

    license("Apache-2.0", checked_by="the authors of K7")

    # The source tree that this recipe is in.
    git = Path(__file__).resolve().parents[7].as_uri()
    version("0.1.0", branch="main")

    variant("nccl", default=True, when="+cuda", description="Sum gradients between GPUs with NCCL")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("pkgconfig", type=("build", "link"))

    depends_on("mpi")
    depends_on("hdf5+mpi")
    depends_on("petsc@3.18:+mpi~complex")
    depends_on("slepc@3.18:")
    depends_on("py-torch@1.13:")
    depends_on("eigen@3.3:")
    depends_on("fmt")
    depends_on("spdlog")
    depends_on("nlohmann-json")
    depends_on("highway@1.0.3:")
    depends_on("zlib-api")
    depends_on("cli11", type="build")
    depends_on("random123", type="build")

    depends_on("python", type="run")
    depends_on("py-h5py", type="run")
    depends_on("py-matplotlib", type="run")
    depends_on("py-numpy", type="run")

    with when("+cuda"):
        depends_on("petsc+cuda")
        depends_on("slepc+cuda")
        depends_on("py-torch+cuda")
        depends_on("nccl", when="+nccl")

    conflicts("+cuda", when="cuda_arch=none", msg="cuda_arch must be set with +cuda")

    def cmake_args(self):
        return [
            self.define("K7_BUILD_TESTS", self.run_tests),
            self.define("K7_BUILD_BENCH", False),
            self.define_from_variant("K7_ENABLE_CUDA", "cuda"),
            self.define_from_variant("K7_ENABLE_NCCL", "nccl"),
        ]

    examples = join_path("docs", "examples")

    @run_after("install")
    def keep_examples(self):
        """Keeps the examples for spack test run."""
        cache_extra_test_sources(self, self.examples)

    def test_spectrum(self):
        """samples of a round S1 x S3 x S3, whose smallest eigenvalue is 1"""
        sample = Executable(self.prefix.bin.k7_sample)
        spectral = Executable(self.prefix.bin.k7_spectral)
        sample("--manifold", "s1xs3xs3", "--radii", "1,1,1", "-N", "2000", "-o", "samples.h5")
        spectral("samples.h5", "-o", "spectral.json")
        with open("spectral.json", encoding="utf-8") as file:
            first = json.load(file)["spectral"]["extrapolated"][1]
        assert abs(first - 1.0) < 0.05, f"the smallest eigenvalue is {first}"

    def test_training(self):
        """some steps of training, and the spectrum of what was learned"""
        train = Executable(self.prefix.bin.k7_train)
        spectral = Executable(self.prefix.bin.k7_spectral)
        train("--preset", "quick", "--epochs", "5", "--out", "run")
        out = spectral("--model", join_path("run", "best.h5"), output=str.split, error=str.split)
        assert "lambda_1 * H*" in out, out

    def test_examples(self):
        """a program of somebody else builds against the installation and runs"""
        cmake = self.spec["cmake"].command
        source = join_path(self.test_suite.current_test_cache_dir, self.examples)
        prefixes = ";".join([self.prefix, self.spec["py-torch"].package.cmake_prefix_paths[0]])
        define = [f"-DCMAKE_PREFIX_PATH={prefixes}", f"-DCMAKE_CXX_COMPILER={os.environ['CXX']}"]
        cmake("-S", source, "-B", "build", *define)
        cmake("--build", "build")
        program = Executable(join_path("build", "sample_torus"))
        out = program("torus.h5", "300", output=str.split, error=str.split)
        assert "300 points in torus.h5" in out, out
