"""Clipped statistics of the sixteen amplifiers of a detector, 509 × 2000 pixels each.

Run: ``.venv/bin/python -m benchmarks.statistics``. The peer is
``astropy.stats.sigma_clipped_stats`` with the same threshold and number of passes. The
rules differ: the peer clips what is left about the median, by the standard deviation of
what is left, and may stop early; ours sets out from median and quartiles and makes each
pass over the full sample, about the clipped mean. So equality is asked for where both
must drop the same: bounded noise, outliers beyond 20 sigma, to 1e-3 sigma. With a plain
numpy form of our own definition it is asked for on the timed frames, to rounding.
"""

import argparse
import time

import numpy as np
from astropy.stats import sigma_clipped_stats

from benchmarks.timing import median_seconds, print_rows
from calibrations.imaging.statistics import clipped_statistics

SHAPE, N_AMPLIFIERS = (4000, 8 * 509), 16
SIGMA, N_PASSES = 3.0, 3
LEVEL, NOISE = 1000.0, 6.0
AGREEMENT_SIGMA = 1e-3
REACH = 3.0

Amplifiers = list[np.ndarray]


def split(detector: np.ndarray) -> Amplifiers:
    """Cut a detector into its amplifiers, as views."""
    return [
        detector[y : y + 2000, x : x + 509]
        for y in range(0, SHAPE[0], 2000)
        for x in range(0, SHAPE[1], 509)
    ]


def make_detector(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add hits to noise."""
    detector = (LEVEL + NOISE * noise).astype(np.float32)
    n_hits = detector.size // 1000
    y, x = rng.integers(0, SHAPE[0], n_hits), rng.integers(0, SHAPE[1], n_hits)
    detector[y, x] = LEVEL + NOISE * rng.uniform(20, 5000, n_hits)
    return detector


def ours(amplifiers: Amplifiers) -> list[tuple[float, float, float]]:
    """Mean, median and scatter of each amplifier."""
    found = [
        clipped_statistics(image, sigma=SIGMA, n_passes=N_PASSES)
        for image in amplifiers
    ]
    return [(stats.mean_clip, stats.median, stats.stdev_clip) for stats in found]


def peer(amplifiers: Amplifiers) -> list[tuple[float, float, float]]:
    """Give the same by astropy; its median is that of what is left."""
    return [
        sigma_clipped_stats(image, sigma=SIGMA, maxiters=N_PASSES)
        for image in amplifiers
    ]


def reference(amplifiers: Amplifiers) -> list[tuple[float, float, float]]:
    """Our definition in plain numpy."""
    answers = []
    for image in amplifiers:
        x = image.ravel().astype(np.float64)
        q25, median, q75 = np.quantile(x, [0.25, 0.5, 0.75])
        centre, limit = median, SIGMA * 0.741301109252802 * (q75 - q25)
        for _ in range(N_PASSES):
            kept = x[np.abs(x - centre) <= limit]
            centre, limit = kept.mean(), SIGMA * kept.std(ddof=1)
        answers.append((centre, median, kept.std(ddof=1)))
    return answers


def check_equality(timed: Amplifiers, rng: np.random.Generator) -> None:
    """Stop where a result is not what it must be."""
    np.testing.assert_allclose(ours(timed), reference(timed), rtol=1e-10)
    even = rng.uniform(-1.7, 1.7, SHAPE)
    bounded = split(make_detector(even, rng))
    mine, theirs = np.array(ours(bounded)), np.array(peer(bounded))
    # The medians are of different samples, before and after clipping.
    worst = np.abs(mine - theirs)[:, [0, 2]].max() / NOISE
    if not worst < AGREEMENT_SIGMA:
        raise AssertionError(f"Ours and astropy's differ by {worst:.2g} sigma.")
    print(
        "Equal: with numpy's form of our definition to 1e-10; with astropy's to "
        f"{worst:.1g} sigma."
    )


def main() -> None:
    """Compare, then time in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    rng = np.random.default_rng(1)
    start = time.process_time()
    ours([np.ones((50, 50), dtype=np.float32)[:, :40]])
    first_s = time.process_time() - start
    amplifiers = split(make_detector(rng.normal(size=SHAPE), rng))
    check_equality(amplifiers, rng)
    medians = median_seconds(
        {
            "ours": lambda: ours(amplifiers),
            "astropy.stats.sigma_clipped_stats": lambda: peer(amplifiers),
            "numpy, our definition": lambda: reference(amplifiers),
        },
        repeats,
        clock=time.process_time,
    )
    print(f"{N_AMPLIFIERS} amplifiers of 509 x 2000, medians of {repeats} runs")
    print_rows(
        ("", "processor seconds", "ratio"),
        [
            (name, f"{seconds:.3f}", f"{seconds / medians['ours']:.1f}")
            for name, seconds in medians.items()
        ],
    )
    ratio = medians["astropy.stats.sigma_clipped_stats"] / medians["ours"]
    print(f"First call, to compile or to load what is compiled: {first_s:.2f} s.")
    print(f"{REACH:g} times astropy: {'met' if ratio >= REACH else 'MISSED'}")


if __name__ == "__main__":
    main()
