"""Clipped-mean combination of twenty 4096 × 4096 frames, from FITS files to arrays.

Run: ``.venv/bin/python -m benchmarks.combine``. The peers are ``ccdproc.combine`` at
the fastest of its settings that give a clipped mean (found first, on smaller frames),
and what astropy takes merely to read the files into memory. Each run is a process of
its own, warmed up on small frames; ours, theirs and the reading take turns, so that all
see the same weather. The files are in the system's cache. Before anything is timed the
results are compared, and a difference is an error:

- with a plain numpy form of our definition, on the rows of the frames themselves;
- with the peer's, whose rule is another (one pass about the median, by the standard
  deviation of all values; ours sets out from median and quartiles and makes three), on
  frames whose noise is bounded and whose outliers stand beyond 20 sigma, so that both
  rules must drop the same: to 1e-3 sigma.
"""

import argparse
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import ccdproc
import numpy as np
from astropy import log
from astropy.io import fits

from benchmarks.timing import print_rows
from calibrations.imaging.combine import combine_files

SIDE, N_FRAMES, N_MANY = 4096, 20, 200
LEVEL, NOISE = 1000.0, 6.0
AGREEMENT_SIGMA = 1e-3
REACH_PEER, REACH_MIB = 5.0, 1024.0

SETTINGS = [
    {"sigma_clip_func": centre, "sigma_clip_dev_func": "std", "mem_limit": limit}
    for centre, limit in itertools.product(("median", "mean"), (1e9, 4e9, 16e9))
]
"""Names instead of functions let astropy clip in C; float32 is set for all."""


def write_frames(folder: Path, n: int, shape: tuple[int, int]) -> list[Path]:
    """Write frames with Gaussian noise and cosmic rays."""
    rng = np.random.default_rng(1)
    paths = []
    for i in range(n):
        frame = rng.normal(LEVEL, NOISE, shape).astype(np.float32)
        n_hits = frame.size // 20_000
        y, x = rng.integers(0, shape[0], n_hits), rng.integers(0, shape[1], n_hits)
        frame[y, x] += rng.uniform(20, 2000, n_hits).astype(np.float32) * NOISE
        paths.append(folder / f"{i:03}.fits")
        fits.writeto(paths[-1], frame)
    return paths


def write_bounded(folder: Path, n: int, shape: tuple[int, int]) -> list[Path]:
    """Write frames whose noise is even between ±1.65 sigma, in 1 % of pixels a hit."""
    rng = np.random.default_rng(2)
    steps = np.linspace(-1.65, 1.65, n)[:, np.newaxis, np.newaxis]
    stack = LEVEL + NOISE * rng.permuted(np.broadcast_to(steps, (n, *shape)), axis=0)
    hit, which = rng.random(shape) < 0.01, rng.integers(0, n, shape)
    y, x = np.nonzero(hit)
    stack[which[hit], y, x] += NOISE * rng.uniform(20, 5000, len(y))
    paths = []
    for i, frame in enumerate(stack.astype(np.float32)):
        paths.append(folder / f"bounded{i:03}.fits")
        fits.writeto(paths[-1], frame)
    return paths


def peer(paths: list[Path], settings: dict[str, object]) -> np.ndarray:
    """Combine as a user of ccdproc would."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        combined = ccdproc.combine(
            [str(path) for path in paths],
            method="average",
            sigma_clip=True,
            sigma_clip_low_thresh=3,
            sigma_clip_high_thresh=3,
            dtype=np.float32,
            unit="adu",
            **settings,
        )
    return combined.data


def read(paths: list[Path]) -> list[np.ndarray]:
    """Read the files into memory, and nothing else."""
    return [fits.getdata(path, memmap=False) for path in paths]


def reference(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Our definition in plain numpy: clipped mean and its variance."""
    x = stack.astype(np.float64)
    q25, centre, q75 = np.quantile(x, [0.25, 0.5, 0.75], axis=0)
    limit = 3 * 0.741301109252802 * (q75 - q25)
    for _ in range(3):
        kept = np.where(np.abs(x - centre) <= limit, x, np.nan)
        centre, limit = np.nanmean(kept, axis=0), 3 * np.nanstd(kept, axis=0, ddof=1)
    return centre, np.nanvar(kept, axis=0, ddof=1) / np.isfinite(kept).sum(axis=0)


def check_equality(
    folder: Path, paths: list[Path], settings: dict[str, object]
) -> None:
    """Stop where a result is not what it must be."""
    strip = np.stack([fits.getdata(path)[:64] for path in paths])
    ours = combine_files(paths)
    mean, variance = reference(strip)
    np.testing.assert_allclose(ours.image[:64], mean, rtol=1e-7)
    np.testing.assert_allclose(ours.variance[:64], variance, rtol=1e-6)
    bounded = write_bounded(folder, N_FRAMES, (512, 512))
    ours, theirs = combine_files(bounded), peer(bounded, settings)
    worst = float(np.abs(ours.image - theirs).max() / NOISE)
    if not worst < AGREEMENT_SIGMA:
        raise AssertionError(f"Ours and ccdproc's differ by {worst:.2g} sigma.")
    print(
        f"Equal: with numpy's form of our definition to float32; with ccdproc's to "
        f"{worst:.1g} sigma."
    )


def run_child(case: str, folder: Path, n: int, settings: dict[str, object]) -> None:
    """Do one run and print what it took."""
    log.setLevel("ERROR")
    cases: dict[str, Callable[[list[Path]], object]] = {
        "ours": combine_files,
        "peer": lambda paths: peer(paths, settings),
        "read": read,
    }
    begin = time.process_time()
    cases[case](sorted(folder.glob("warm/*.fits")))
    warm_s = time.process_time() - begin
    frames = sorted(folder.glob("frames/*.fits"))
    paths = (frames * (n // len(frames) + 1))[:n]
    start, begin = time.perf_counter(), time.process_time()
    result = cases[case](paths)
    seconds, processor_s = time.perf_counter() - start, time.process_time() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    del result
    print(json.dumps([seconds, processor_s, peak, warm_s]))


def child(
    case: str, folder: Path, n: int, settings: dict[str, object], **environment: str
) -> list[float]:
    """Start a process for one run: seconds, processor seconds, MiB, warming up."""
    command = [sys.executable, "-m", "benchmarks.combine", "--child", case]
    command += ["--folder", str(folder), "--frames", str(n)]
    command += ["--settings", json.dumps(settings)]
    done = subprocess.run(
        command, capture_output=True, check=True, env=os.environ | environment
    )
    values: list[float] = json.loads(done.stdout.splitlines()[-1])
    return values


def best_settings(folder: Path) -> dict[str, object]:
    """Time the peer's settings on smaller frames; the memory limits scale with them."""
    frames = sorted(folder.glob("tune/*.fits"))
    seconds = []
    for settings in SETTINGS:
        scaled = settings | {"mem_limit": float(str(settings["mem_limit"])) / 16}
        start = time.perf_counter()
        peer(frames, scaled)
        seconds.append(time.perf_counter() - start)
    best = SETTINGS[int(np.argmin(seconds))]
    print("Fastest settings of ccdproc.combine: dtype=float32, ", best)
    return best


def main() -> None:
    """Compare, then time."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--child", choices=("ours", "peer", "read"))
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--frames", type=int, default=N_FRAMES)
    parser.add_argument("--settings", type=json.loads, default={})
    given = parser.parse_args()
    if given.child:
        run_child(given.child, given.folder, given.frames, given.settings)
        return
    log.setLevel("ERROR")
    with tempfile.TemporaryDirectory(prefix="combine-") as name:
        folder = Path(name)
        for part, side in (("warm", 64), ("tune", SIDE // 4), ("frames", SIDE)):
            (folder / part).mkdir()
            n = 4 if part == "warm" else N_FRAMES
            write_frames(folder / part, n, (side, side))
        settings = best_settings(folder)
        check_equality(folder, sorted(folder.glob("frames/*.fits")), settings)
        report(folder, settings, given.repeats)


def report(folder: Path, settings: dict[str, object], repeats: int) -> None:
    """Time everything in turn and print the tables."""
    runs: dict[str, list[list[float]]] = {"ours": [], "read": [], "peer": []}
    for _ in range(repeats):
        for case, values in runs.items():
            values.append(child(case, folder, N_FRAMES, settings))
    median = {
        case: [statistics.median(column) for column in zip(*values, strict=True)]
        for case, values in runs.items()
    }
    ours = median["ours"]
    names = {"ours": "ours", "read": "astropy, reading only", "peer": "ccdproc.combine"}
    print(f"{N_FRAMES} frames of {SIDE} x {SIDE} float32, medians of {repeats} runs")
    print_rows(
        ("", "seconds", "ratio", "processor seconds", "ratio", "peak MiB"),
        [
            (
                names[case],
                f"{values[0]:.2f}",
                f"{values[0] / ours[0]:.1f}",
                f"{values[1]:.2f}",
                f"{values[1] / ours[1]:.1f}",
                f"{values[2]:.0f}",
            )
            for case, values in median.items()
        ],
    )
    many = child("ours", folder, N_MANY, settings)
    print(
        f"Peak memory of {N_FRAMES} frames {ours[2]:.0f} MiB, of {N_MANY} frames "
        f"{many[2]:.0f} MiB ({many[1]:.1f} processor seconds)."
    )
    with tempfile.TemporaryDirectory() as empty:
        cold = child("ours", folder, 2, settings, NUMBA_CACHE_DIR=empty)
    print(f"To compile, once for a machine: {cold[3] - ours[3]:.1f} processor seconds.")
    verdicts = {
        f"{REACH_PEER:g} times ccdproc": median["peer"][0] / ours[0] >= REACH_PEER,
        "no slower than reading": ours[0] <= median["read"][0],
        f"under {REACH_MIB:.0f} MiB": max(ours[2], many[2]) < REACH_MIB,
        "memory flat": many[2] < 1.1 * ours[2],
    }
    for what, is_met in verdicts.items():
        print(f"{what}: {'met' if is_met else 'MISSED'}")


if __name__ == "__main__":
    main()
