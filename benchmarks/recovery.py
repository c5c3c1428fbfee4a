"""Inject and recover at full size: the table of ``docs/recovery.md``.

``python -m benchmarks.recovery [--seeds 1,2,3] [--quick] [--processes 2]`` simulates
amplifiers of 509 × 2000 pixels (100 pairs of flats, 15 biases, darks and flats, 10
science frames, a whole detector for crosstalk), measures them with
``calibrations.imaging`` and writes what went in and what came out. ``--quick`` takes
small amplifiers and fewer frames, to see that the command works: its limits are then
below the noise of some quantities, and nothing is written.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np

from benchmarks.recovery_data import FULL, SMALL
from benchmarks.recovery_frames import defects, fringes
from benchmarks.recovery_runs import (
    FitType,
    Recovered,
    crosstalk,
    deferred_charge,
    linearity,
    photon_transfer,
    take_flats,
)
from calibrations.domain.cameras import SegmentLayout

DOCUMENT = Path(__file__).parents[1] / "docs" / "recovery.md"
EXPERIMENTS = ("flats", "crosstalk", "frames")
"""The longest first."""

HEAD = """# Injection and recovery at full size

Written by `.venv/bin/python -m benchmarks.recovery`; not edited by hand. Amplifiers of
509 × 2000 pixels, 100 pairs of flats of 300 to 110 000 electrons; 15 biases, darks and
flats; 10 science frames; for crosstalk a detector of 16 amplifiers in 5 exposures with
20 spots of 40 000 to 120 000 electrons each. What is put in, and the formulas, are in
`docs/algorithms.md` under *The simulator and its truth*.
"""


def main() -> int:
    """Run the experiments; 1 if anything misses its limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    seeds = [int(seed) for seed in options.seeds.split(",")]
    begin = time.monotonic()
    rows: dict[int, dict[str, list[Recovered]]] = {seed: {} for seed in seeds}
    with ProcessPoolExecutor(options.processes) as pool:
        waiting = {
            pool.submit(run, name, seed, quick=options.quick): (name, seed)
            for name in EXPERIMENTS
            for seed in seeds
        }
        for future in as_completed(waiting):
            name, seed = waiting[future]
            rows[seed][name] = future.result()
            spent = time.monotonic() - begin
            print(f"[{spent:5.0f} s] {name}, seed {seed}", flush=True)
    by_seed = {
        seed: [row for name in EXPERIMENTS for row in found[name]]
        for seed, found in rows.items()
    }
    text = table(by_seed)
    print(text)
    if not options.quick:
        minutes = (time.monotonic() - begin) / 60
        closing = f"\nTook {minutes:.1f} minutes in {options.processes} processes.\n"
        DOCUMENT.write_text(HEAD + "\n" + text + closing)
    return int(not all(row.passes for found in by_seed.values() for row in found))


def run(name: str, seed: int, *, quick: bool) -> list[Recovered]:
    """Run one experiment with one seed."""
    return list(
        {"flats": _flats, "frames": _frames, "crosstalk": _pulls}[name](seed, quick)
    )


def _flats(seed: int, quick: bool) -> Iterator[Recovered]:
    layout, n = (SMALL, 40) if quick else (FULL, 100)
    flats = take_flats(layout, seed, n)
    yield from photon_transfer(flats)
    # The read noise does not depend on the fit: once is enough.
    yield from list(photon_transfer(flats, FitType.EXPAPPROXIMATION))[:2]
    yield from linearity(flats)
    yield from deferred_charge(flats)


def _frames(seed: int, quick: bool) -> Iterator[Recovered]:
    layout, n = (SMALL, 60) if quick else (FULL, 1000)
    yield from defects(layout, seed, n_planted=n)
    yield from fringes(layout, seed)


def _pulls(seed: int, quick: bool) -> Iterator[Recovered]:
    layout = SegmentLayout(200, 300, 3, 64, 48) if quick else FULL
    sizes = {"n_amplifiers": 6, "spots": 4} if quick else {}
    for order, pulls in zip(
        ("linear", "quadratic"), crosstalk(layout, seed, **sizes), strict=True
    ):
        where = f"crosstalk pulls, {order}"
        mean, deviation = float(pulls.mean()), float(pulls.std())
        largest = float(np.abs(pulls).max())
        yield Recovered(f"{where}: mean", 0.0, mean, mean, 0.2)
        yield Recovered(f"{where}: deviation", 1.0, deviation, deviation - 1.0, 0.15)
        yield Recovered(f"{where}: largest", 0.0, largest, largest, 5.0)


def table(by_seed: dict[int, list[Recovered]]) -> str:
    """Lay the rows out, one column for each seed."""
    heads = [f"seed {seed}" for seed in by_seed]
    lines = [
        "| what | put in | limit | " + " | ".join(heads) + " | holds |",
        "|---|---|---|" + "---|" * len(heads) + "---|",
    ]
    for rows in zip(*by_seed.values(), strict=True):
        first = rows[0]
        cells = [f"{row.measured:.5g} ({_percent(row)})" for row in rows]
        holds = "yes" if all(row.passes for row in rows) else "**no**"
        limit = "–" if np.isinf(first.limit) else f"{first.limit:.3g}"
        lines.append(
            f"| {first.what} | {first.truth:.5g} | {limit} | "
            + " | ".join(cells)
            + f" | {holds} |"
        )
    return "\n".join(lines) + "\n"


def _percent(row: Recovered) -> str:
    """Give the deviation: per cent of a truth, or as it is."""
    if row.what.startswith(("crosstalk pulls", "linearity")):
        return f"{row.deviation:+.2g}"
    return f"{100 * row.deviation:+.2f} %"


if __name__ == "__main__":
    sys.exit(main())
