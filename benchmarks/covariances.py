"""Covariances of one masked pair of flats against summation lag by lag.

Run: ``.venv/bin/python -m benchmarks.covariances``. The pair is one amplifier of 509 by
2000 pixels, 2 % of them masked; covariances go to 10 x 10 lags, both diagonals, each
with its own number of pixel pairs and means. Peers sum over shifted views, once with
NumPy's products and once with ``einsum``; all must agree with ours.
"""

import argparse
from collections.abc import Callable

import numpy as np

from benchmarks.timing import compare, print_table
from calibrations.imaging.covariances import measure_covariances

SHAPE, N_LAGS, MASKED = (2000, 509), 10, 0.02
AGREEMENT = 1e-9
"""Of the variance."""

Sum = Callable[[np.ndarray, np.ndarray], float]


def summed(image: np.ndarray, used: np.ndarray, total: Sum) -> np.ndarray:
    """Sum lag by lag; ``total`` gives the sum of a product."""
    weights = used.astype(np.float64)
    signal = np.where(used, image, 0.0)
    ny, nx = image.shape
    covariances = np.empty((N_LAGS, N_LAGS))
    for i in range(N_LAGS):
        for j in range(N_LAGS):
            sums = counts = 0.0
            for sign in (1, -1) if i and j else (1,):
                low, high = slice(0, ny - j), slice(j, ny)
                rows = (low, high) if sign > 0 else (high, low)
                here = (rows[0], slice(0, nx - i))
                there = (rows[1], slice(i, nx))
                n = total(weights[here], weights[there])
                left = total(signal[here], weights[there])
                right = total(weights[here], signal[there])
                sums += total(signal[here], signal[there]) - left * right / n
                counts += n
            covariances[i, j] = sums / counts
    return covariances


def main() -> None:
    """Compare, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    image, used = rng.normal(0.0, 150.0, SHAPE), rng.random(SHAPE) > MASKED
    cases: dict[str, Callable[[], np.ndarray]] = {
        "direct sums, NumPy": lambda: summed(image, used, lambda a, b: (a * b).sum()),
        "einsum loop": lambda: summed(
            image, used, lambda a, b: float(np.einsum("ij,ij->", a, b))
        ),
        "ours (Fourier)": lambda: measure_covariances(image, used, N_LAGS).values,
    }
    results = {name: run() for name, run in cases.items()}
    medians = compare(cases, options.repeats)
    ours = "ours (Fourier)"
    print_table("Covariances to 10 x 10 of 509 x 2000 pixels", medians, reference=ours)
    worst = max(
        float(np.abs(one - results[ours]).max()) for one in results.values()
    ) / float(results[ours][0, 0])
    print(f"largest difference: {worst:.1e} of the variance")
    for name in list(cases)[:2]:
        print(f"ours is {medians[name] / medians[ours]:.1f} times as fast as {name}")
    if worst > AGREEMENT:
        raise SystemExit(f"Results differ by more than {AGREEMENT} of the variance.")


if __name__ == "__main__":
    main()
