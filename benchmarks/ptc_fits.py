"""Photon transfer fits of a whole camera against a loop over ``curve_fit``.

Run: ``.venv/bin/python -m benchmarks.ptc_fits``. The sample is 3216 amplifiers with 100
pairs each; variances scatter as those of a million pixels do. Both sides start from the
same values within the same bounds, and ours must give the same parameters to 1e-4 of
their errors. The peer is given its best settings: the analytic derivatives, scaled
parameters and a tolerance at which it meets that accuracy. FULLCOVARIANCE is timed
beside, for some amplifiers.
"""

import argparse
import time

import numpy as np
from scipy.optimize import curve_fit

from benchmarks.timing import compare, print_table
from calibrations.imaging.ptc_covariance_fits import fit_full_covariance
from calibrations.imaging.ptc_fits import BOUNDS, START, fit_exp_approximation
from calibrations.imaging.ptc_models import full_covariance

N_AMPLIFIERS, N_PAIRS, N_PIXELS = 3216, 100, 1_000_000
AGREEMENT = 1e-4
SIZE = np.array([1e-6, 1.0, 10.0])
"""Of the parameters, for the peer."""


def variance(mu: np.ndarray, a: float, g: float, n: float) -> np.ndarray:
    """Give equation 16 of Astier+19, as the peer's user would write it."""
    return (np.exp(2 * a * mu * g) - 1) / (2 * a * g**2) + n / g**2


def derivatives(mu: np.ndarray, a: float, g: float, n: float) -> np.ndarray:
    """Give its derivatives."""
    e = np.exp(2 * a * mu * g)
    return np.stack(
        [
            mu * e / (a * g) - (e - 1) / (2 * a**2 * g**2),
            mu * e / g**2 - (e - 1) / (a * g**3) - 2 * n / g**3,
            np.full_like(mu, 1 / g**2),
        ],
        axis=1,
    )


def make_sample(n: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make means, variances and one over their errors of n amplifiers."""
    rng = np.random.default_rng(seed)
    means = np.geomspace(50, 90000, N_PAIRS) * rng.uniform(0.9, 1.1, (n, 1))
    truth = [
        rng.uniform(-4e-6, -1e-6, n),
        rng.uniform(1.2, 1.8, n),
        rng.uniform(20, 100, n),
    ]
    exact = np.stack([variance(mu, *p) for mu, *p in zip(means, *truth, strict=True)])
    errors = exact * np.sqrt(2 / N_PIXELS)
    return means, exact + rng.normal(size=exact.shape) * errors, 1 / errors


def peer_loop(
    means: np.ndarray, variances: np.ndarray, sqrt_weights: np.ndarray
) -> np.ndarray:
    """Fit each amplifier by scipy."""
    lower, upper = zip(*BOUNDS, strict=True)
    # a = 0 has no value in the formula as written; the peer stays a hair below.
    upper = (-1e-12, *upper[1:])
    return np.stack(
        [
            curve_fit(
                variance,
                mu,
                values,
                p0=START,
                sigma=1 / weights,
                absolute_sigma=True,
                bounds=(lower, upper),
                jac=derivatives,
                x_scale=SIZE,
            )[0]
            for mu, values, weights in zip(means, variances, sqrt_weights, strict=True)
        ]
    )


def make_covariances(
    n_lags: int = 10, seed: int = 2
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make 100 pairs of covariances of one amplifier."""
    rng = np.random.default_rng(seed)
    i, j = np.meshgrid(np.arange(n_lags), np.arange(n_lags), indexing="ij")
    a = 1e-7 / (1.0 + i**2 + j**2) ** 1.35
    a[0, 0] = -2.5e-6
    means = np.geomspace(300, 80000, N_PAIRS)
    noise = np.zeros_like(a)
    noise[0, 0] = 40.0
    exact = full_covariance(means, a, a * 1e-6, noise, 1.5)
    errors = np.repeat(exact[:, :1, :1], n_lags, 1).repeat(n_lags, 2)
    errors = errors / np.sqrt(N_PIXELS)
    errors[:, 0, 0] *= np.sqrt(2)
    return means, exact + rng.normal(size=exact.shape) * errors, 1 / errors


def main() -> None:
    """Compare, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--amplifiers", type=int, default=N_AMPLIFIERS)
    options = parser.parse_args()
    sample = make_sample(options.amplifiers)
    start = time.perf_counter()
    fit_exp_approximation(*(x[:1] for x in sample))
    compilation = time.perf_counter() - start
    ours, theirs = fit_exp_approximation(*sample), peer_loop(*sample)
    errors = ours.errors / np.sqrt(ours.chi_squared)[:, np.newaxis]
    worst = float(np.max(np.abs(ours.parameters - theirs) / errors))
    means, covariances, weights = make_covariances()
    medians = compare(
        {
            "curve_fit loop": lambda: peer_loop(*sample),
            "ours": lambda: fit_exp_approximation(*sample),
            "FULLCOVARIANCE 10x10, 1 amplifier": lambda: fit_full_covariance(
                means, covariances, weights
            ),
        },
        options.repeats,
    )
    print_table(
        f"EXPAPPROXIMATION, {options.amplifiers} amplifiers x {N_PAIRS} pairs",
        medians,
        reference="ours",
    )
    print(f"compilation or loading of compiled code, once: {compilation:.2f} s")
    print(f"largest difference of a parameter: {worst:.1e} of its error")
    ratio = medians["curve_fit loop"] / medians["ours"]
    print(f"ours is {ratio:.0f} times as fast (wanted: 10)")
    if worst > AGREEMENT:
        raise SystemExit(f"The fits differ by more than {AGREEMENT} of an error.")


if __name__ == "__main__":
    main()
