#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/data/hostile: small HDF5 files that are damaged, that lie about themselves, or that are only unusual.

usage: make_hostile.py BIN_FOLDER     BIN_FOLDER holds k7_train, which makes the one checkpoint

cases.json lists every file with who reads it (samples, fields or checkpoint) and the words that the refusal must hold;
no words: the file is good and must be read. The files good-*.h5 are also what the mutation tests start from.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any, Callable

import h5py
import numpy as np

FOLDER = Path(__file__).resolve().parent / "hostile"
N = 16
SECRET = b"this text belongs to another file and must never show up\n"
RANDOM = np.random.default_rng(7)
COORDS = RANDOM.random((N, 7))
METRIC = np.tile(np.eye(7), (N, 1, 1))
CASES: list[dict[str, Any]] = []
Make = Callable[[h5py.File], Any]


def add(name: str, reader: str, make: Make, *words: str, **options: Any) -> None:
    """One file, made by `make`; `words` must be in the message that refuses it."""
    with h5py.File(FOLDER / name, "w", **options) as file:
        make(file)
    note(name, reader, *words)


def note(name: str, reader: str, *words: str) -> None:
    CASES.append({"file": name, "reader": reader, "words": list(words)})


def samples(file: h5py.File, skip: str = "", **options: Any) -> None:
    """A good flat sample file, but for one dataset."""
    for name, values in (("coords", COORDS), ("metric", METRIC)):
        if name != skip:
            file.create_dataset(name, data=values, **options)


def fields(file: h5py.File, skip: str = "", **options: Any) -> None:
    """phi_0 with no derivatives in a few rows, but for one dataset."""
    phi = np.zeros((N, 35))
    index = {t: i for i, t in enumerate((a, b, c) for a in range(7) for b in range(a + 1, 7) for c in range(b + 1, 7))}
    for triple in ((0, 1, 3), (0, 2, 6), (0, 4, 5), (1, 2, 4), (1, 5, 6), (2, 3, 5), (3, 4, 6)):
        phi[:, index[triple]] = 1
    for name, values in (("phi", phi), ("E_phi", np.zeros((N, 7, 35)))):
        if name != skip:
            file.create_dataset(name, data=values, **options)


GZIP = {"chunks": True, "compression": "gzip", "shuffle": True, "fletcher32": True}


def good_files() -> None:
    for reader, make in (("samples", samples), ("fields", fields)):
        add(f"good-{reader}.h5", reader, make)
        add(f"good-{reader}-gzip.h5", reader, lambda f, make=make: make(f, **GZIP))
        add(f"good-{reader}-scaleoffset.h5", reader, lambda f, make=make: make(f, chunks=True, scaleoffset=6))
        add(f"good-{reader}-szip.h5", reader, lambda f, make=make: make(f, chunks=True, compression="szip"))
        add(f"good-{reader}-latest.h5", reader, lambda f, make=make: make(f, **GZIP), libver="latest")
    add("good-samples-userblock.h5", "samples", samples, userblock_size=512)
    add("good-samples-float16.h5", "samples", lambda f: (samples(f, "coords"), f.create_dataset(
        "coords", data=COORDS.astype(">f4"))))


def links_outside() -> None:
    """Datasets whose numbers lie in another file."""
    (FOLDER / "secret.txt").write_bytes(SECRET * 60)
    for reader, make, name, shape in (("samples", samples, "coords", (N, 7)), ("fields", fields, "phi", (N, 35))):
        with h5py.File(FOLDER / "other.h5", "a") as other:
            other.create_dataset(name, data=np.ones(shape))
        add(f"link-outside-{reader}.h5", reader, lambda f, m=make, n=name: (
            m(f, n), f.__setitem__(n, h5py.ExternalLink("other.h5", f"/{n}"))), name, "other.h5", "h5copy -f ext")
        add(f"soft-link-outside-{reader}.h5", reader, lambda f, m=make, n=name: (
            m(f, n), f.__setitem__("out", h5py.ExternalLink("other.h5", "/")), f.__setitem__(n, h5py.SoftLink(f"/out/{n}"))),
            name, "other.h5", "h5copy -f ext")
        add(f"storage-outside-{reader}.h5", reader, lambda f, m=make, n=name, s=shape: (
            m(f, n), f.create_dataset(n, s, "f4", external=[("secret.txt", 0, 4 * s[0] * s[1])])), name, "h5repack")
        add(f"storage-unlimited-{reader}.h5", reader, lambda f, m=make, n=name, s=shape: (
            m(f, n), f.create_dataset(n, s, "f8", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])), name, "h5repack")
        layout = h5py.VirtualLayout(shape, "f8")
        layout[:] = h5py.VirtualSource("other.h5", name, shape)
        add(f"virtual-{reader}.h5", reader, lambda f, m=make, n=name, v=layout: (m(f, n), f.create_virtual_dataset(n, v)),
            name, "virtual", "h5repack")


def promises() -> None:
    """Far more rows than there are bytes."""
    for exponent in (31, 40, 60):
        rows = 2**exponent
        add(f"promise-samples-{exponent}.h5", "samples", lambda f, r=rows: [
            f.create_dataset(n, (r, *s), "f8", chunks=(64, *s)) for n, s in (("coords", (7,)), ("metric", (7, 7)))],
            "coords", str(rows), "never written")
        add(f"promise-fields-{exponent}.h5", "fields", lambda f, r=rows: [
            f.create_dataset(n, (r, *s), "f8", chunks=(64, *s)) for n, s in (("phi", (35,)), ("E_phi", (7, 35)))],
            "phi", str(rows), "never written")
    def giant_chunk(file: h5py.File) -> None:
        samples(file, "coords")
        file.create_dataset("coords", (N, 7), "f8", chunks=(2**25, 7), maxshape=(None, 7), compression="gzip")
    add("promise-chunk.h5", "samples", giant_chunk, "coords", "chunk", "never written")


def texts() -> None:
    """Attributes that would flood a terminal or steer it."""
    def with_attribute(name: str, value: Any) -> Make:
        return lambda f: (samples(f), f.attrs.__setitem__(name, value))
    add("text-escape.h5", "samples", with_attribute("format", "k7-\nerror: fake\x1b[31m"), "format", r"\n", r"\x1b")
    add("text-long.h5", "samples", with_attribute("manifold", "x" * 6000), "manifold", "xxx...")
    add("text-frame.h5", "samples", with_attribute("frame", "\u202e" + "y" * 5000), "frame", "...")
    add("text-bytes.h5", "samples", with_attribute("format", np.bytes_(b"\xff\xfe\x80")), "format", r"\xff\xfe\x80")
    def huge(file: h5py.File) -> None:
        samples(file)
        text = h5py.h5t.C_S1.copy()
        text.set_size(64 << 20)
        h5py.h5a.create(file.id, b"format", text, h5py.h5s.create(h5py.h5s.SCALAR))
    with h5py.File(FOLDER / "text-64-mib.h5", "w", libver="latest") as file:
        huge(file)
    size = (FOLDER / "text-64-mib.h5").stat().st_size
    if size < 1 << 20:
        note("text-64-mib.h5", "samples", "format", "too long")
    else:
        (FOLDER / "text-64-mib.h5").unlink()
    def many_names(file: h5py.File) -> None:
        for i in range(100):
            file[f"x{i}\x1b"] = h5py.SoftLink("/nowhere")
    add("names-many.h5", "fields", many_names, "phi", "missing", libver="latest")


def odd_objects() -> None:
    add("loop.h5", "samples", lambda f: (samples(f, "coords"), f.__setitem__("a", h5py.SoftLink("/coords")),
                                         f.__setitem__("coords", h5py.SoftLink("/a"))), "coords")
    add("unknown-filter.h5", "samples", lambda f: (samples(f, "coords"), f.create_dataset(
        "coords", data=COORDS, chunks=True, compression="lzf")), "coords", "lzf", "h5repack")
    add("null.h5", "samples", lambda f: (samples(f, "coords"), f.__setitem__("coords", h5py.Empty("f8"))), "coords")
    add("rank-32.h5", "samples", lambda f: (samples(f, "coords"), f.__setitem__("coords", np.zeros((1,) * 32))), "coords")
    add("ragged.h5", "samples", lambda f: (samples(f, "coords"), f.create_dataset(
        "coords", (N, 7), h5py.vlen_dtype("f8"))), "coords", "type")
    add("scalar-phi.h5", "fields", lambda f: (fields(f, "phi"), f.__setitem__("phi", 1.0)), "phi", "()")


def damaged_compression(gz131: Path) -> None:
    """Found by mutation: HDF5 writes beyond its memory while it decompresses this file."""
    shutil.copy(gz131, FOLDER / "damaged-gzip.h5")
    note("damaged-gzip.h5", "samples", "damaged-gzip.h5")


def heap_object() -> None:
    """A text of variable length whose length in the global heap is longer than any memory. Behind "GCOL" come 12 bytes
    of header, then the object's index, its count of references and four reserved bytes, then its length."""
    path = FOLDER / "damaged-heap.h5"
    with h5py.File(path, "w") as file:
        samples(file)
        file.attrs["format"] = "k7-samples"
    data = bytearray(path.read_bytes())
    data[data.index(b"GCOL") + 4 + 12 + 8 + 5] = 0x7F
    path.write_bytes(data)
    note("damaged-heap.h5", "samples", "format", "damaged")


def checkpoint(programs: Path) -> None:
    """The one checkpoint; its damage is made by the tests."""
    with tempfile.TemporaryDirectory() as folder:
        words = "--preset torus --hidden 3 --batch-size 16 --epochs 3 --threads 1 -q --out run".split()
        subprocess.run([programs / "k7_train", *words], cwd=folder, check=True)
        shutil.copy(Path(folder) / "run" / "last.h5", FOLDER / "good-checkpoint.h5")
    note("good-checkpoint.h5", "checkpoint")
    body = (FOLDER / "good-checkpoint.h5").read_bytes()[512:]
    (FOLDER / "unsealed-checkpoint.h5").write_bytes(body)
    note("unsealed-checkpoint.h5", "checkpoint", "no checksum")
    (FOLDER / "resealed-checkpoint.h5").write_bytes(
        f"k7-seal crc32 {zlib.crc32(body) ^ 1:08x} bytes {len(body)}\n".encode().ljust(512) + body)
    note("resealed-checkpoint.h5", "checkpoint", "damaged", "checksum")
    note("good-samples.h5", "checkpoint", "format", "k7-checkpoint")


def main() -> None:
    kept = Path(tempfile.mkdtemp()) / "gz131.h5"
    shutil.copy(FOLDER / "damaged-gzip.h5", kept)  # cannot be made anew
    for path in FOLDER.iterdir():
        path.unlink()
    good_files()
    links_outside()
    promises()
    texts()
    odd_objects()
    damaged_compression(kept)
    heap_object()
    checkpoint(Path(sys.argv[1]).resolve())
    (FOLDER / "cases.json").write_text("[\n" + ",\n".join(map(json.dumps, CASES)) + "\n]\n")


if __name__ == "__main__":
    main()
