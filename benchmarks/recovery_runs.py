"""What is put in and what comes out: each experiment simulates, measures, compares.

Every experiment takes a layout, a seed and how many frames, and gives `Recovered`
rows, so that the command runs them at full size and the tests at a small one.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from benchmarks.recovery_data import (
    A00,
    CTI,
    CURVE,
    GAIN,
    READ_NOISE_E,
    Bench,
    bright_sky,
    levels_e,
)
from calibrations.domain.cameras import SegmentLayout
from calibrations.imaging.crosstalk_fits import CrosstalkSettings, fit_crosstalk
from calibrations.imaging.crosstalk_pixels import find_bright_pixels
from calibrations.imaging.cti import DeferredCharge
from calibrations.imaging.cti_fits import fit_deferred_charge
from calibrations.imaging.cti_overscan import OverscanProfile, measure_overscan
from calibrations.imaging.linearity import LinearityType, Linearizer
from calibrations.imaging.linearity_data import LinearityData, LinearitySettings
from calibrations.imaging.linearity_fits import fit_linearizers
from calibrations.imaging.overscan import subtract_serial_overscan
from calibrations.imaging.ptc import FitType, FlatPairs, PtcSettings
from calibrations.imaging.ptc_pairs import PairMeasurement, PairSettings, measure_pair
from calibrations.imaging.ptc_solve import solve_ptc
from calibrations.simulation.readout import respond

AMPLIFIER = "C10"


@dataclass(frozen=True)
class Recovered:
    """One number that went in and what was made of it."""

    what: str
    truth: float
    measured: float
    deviation: float
    """Relative to the truth, or as ``what`` says; NaN fails."""

    limit: float

    @property
    def passes(self) -> bool:
        """Whether the deviation is within the limit; a NaN is not."""
        return bool(abs(self.deviation) <= self.limit)


def relative(what: str, truth: float, measured: float, limit: float) -> Recovered:
    """Compare by the relative deviation."""
    return Recovered(what, truth, measured, measured / truth - 1.0, limit)


@dataclass(frozen=True, eq=False)
class Flats:
    """Pairs of flats of one amplifier, as three kinds of measurement see them."""

    light_e: np.ndarray
    """Shape (n,): what the photodiode told, in electrons of response 1."""

    pairs: list[PairMeasurement]
    noises_adu: list[float]
    curved_adu: np.ndarray
    """Shape (n,): mean signal through an output that is not linear."""

    profiles: list[OverscanProfile]
    """Overscans behind a register that defers charge, gain known."""


def take_flats(
    layout: SegmentLayout,
    seed: int,
    n_pairs: int,
    *,
    photodiode_noise: float = 2e-4,
    a00: float = A00,
) -> Flats:
    """Simulate pairs of flats and measure each at once, keeping no frame."""
    bench = Bench(layout, seed)
    response = bench.response()
    settings = PairSettings(min_good_pixels=min(10000, response.size // 2))
    flats = Flats(levels_e(n_pairs), [], [], np.zeros(n_pairs), [])
    told = np.array(flats.light_e)
    for number, level in enumerate(flats.light_e):
        rng = bench.rng(1, number)
        lights = level * rng.normal(1.0, 0.001, 2)
        told[number] = lights[0] * rng.normal(1.0, photodiode_noise)
        charges = [
            bench.expose(rng, np.float32(light) * response, a00) for light in lights
        ]
        first, second = (
            subtract_serial_overscan(bench.read(rng, charge), bench.serial_overscan)
            for charge in charges
        )
        noise = float(np.mean([first.residual_stdev, second.residual_stdev]))
        box = bench.data_box.slices
        flats.pairs.append(
            measure_pair(
                first.data[box], second.data[box], noise_adu=noise, settings=settings
            )
        )
        flats.noises_adu.append(noise)
        curved = bench.read(rng, charges[0], curve=CURVE)
        curved = subtract_serial_overscan(curved, bench.serial_overscan).data
        # Shadowed by nothing: the mean response of these pixels is known to the light.
        flats.curved_adu[number] = curved[box].mean(dtype=np.float64)
        late = bench.read(rng, charges[1], with_cti=True) * np.float32(GAIN)
        flats.profiles.append(
            measure_overscan(
                late, bench.data_box, bench.serial_overscan, bench.parallel_overscan
            )
        )
    return Flats(told, flats.pairs, flats.noises_adu, flats.curved_adu, flats.profiles)


def photon_transfer(
    flats: Flats, fit_type: FitType = FitType.FULLCOVARIANCE_NO_B
) -> Iterator[Recovered]:
    """Gain and a00 from the curve, and the read noise of the overscans."""
    n = len(flats.pairs)
    pairs = FlatPairs.gather(
        {AMPLIFIER: flats.pairs},
        [(2 * i + 1, 2 * i + 2) for i in range(n)],
        noises_adu={AMPLIFIER: flats.noises_adu},
        exposure_times_s=list(flats.light_e / 5000.0),
    )
    (curve,) = solve_ptc(pairs, PtcSettings(fit_type=fit_type))
    name = fit_type.value
    yield relative(f"gain ({name})", GAIN, curve.gain, 0.005)
    yield relative(f"a00 ({name})", A00, curve.a00, 0.10)
    noise = float(np.median(flats.noises_adu)) * GAIN
    yield relative("read noise of overscans", READ_NOISE_E, noise, 0.02)


def fit_linearizer(flats: Flats) -> Linearizer:
    """Fit a spline of ten knots against the photodiode."""
    data = LinearityData(
        (AMPLIFIER,),
        flats.curved_adu[np.newaxis],
        flats.light_e,
        np.arange(1, 2 * len(flats.light_e), 2),
    )
    return fit_linearizers(data, LinearitySettings(type=LinearityType.SPLINE))[
        AMPLIFIER
    ]


def linearity_residual(linearizer: Linearizer, *, corrected: bool = True) -> float:
    """Give the largest deviation from proportionality, 1000 to 100 000 electrons.

    The slope of a linearizer is free: it goes into the gain.
    """
    signal = np.geomspace(1000.0, 100000.0, 400)
    seen = respond(signal, CURVE) / GAIN
    if corrected:
        seen = linearizer.linearize(seen.astype(np.float32))
    ratio = seen / signal
    middle = 0.5 * (ratio.max() + ratio.min())
    return float(np.abs(ratio / middle - 1.0).max())


def linearity(flats: Flats) -> Iterator[Recovered]:
    """Residual of the true curve after the measured correction."""
    residual = linearity_residual(fit_linearizer(flats))
    yield Recovered("linearity residual (absolute)", 0.0, residual, residual, 0.001)


def deferred_charge(flats: Flats) -> Iterator[Recovered]:
    """Drift, its decay, and the trap; the global loss is told without a limit."""
    charge = fit_deferred_charge(AMPLIFIER, flats.profiles)
    yield relative("CTI drift scale", CTI["drift_scale"], charge.drift_scale, 0.05)
    yield relative("CTI drift decay time", CTI["decay_time"], charge.decay_time, 0.05)
    yield relative("CTI trap", CTI["trap_size_e"], trap_size_e(charge), 0.05)
    yield relative(
        "global CTI (no limit is asked)",
        CTI["global_cti"],
        charge.global_cti,
        float("inf"),
    )


def trap_size_e(charge: DeferredCharge) -> float:
    """Give the trap's electrons, as its capture from 1000 to 50 000 has them.

    What is stored is what two columns of overscan got back; the last bit of it,
    exp(−2/τ), comes out later.
    """
    signals = np.geomspace(1000.0, 50000.0, 30)
    stored = float(np.mean(charge.trap.capture(signals)))
    return stored / -np.expm1(-2.0 / CTI["trap_time"])


def crosstalk(
    layout: SegmentLayout,
    seed: int,
    *,
    n_exposures: int = 5,
    n_amplifiers: int = 16,
    spots: int = 20,
    flux_order: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Measure a matrix from bright spots.

    Returns
    -------
    pulls, pulls of the quadratic terms
        (measured − truth) / error of every pair of amplifiers.
    """
    coeffs, squared = true_crosstalk(n_amplifiers, seed)
    names = [f"A{i:02d}" for i in range(n_amplifiers)]
    samples = []
    for number in range(n_exposures):
        rng = np.random.default_rng([seed, 4, number])
        seen = bright_sky(rng, layout, coeffs, squared, sky_e=500.0, spots=spots)
        samples.append(find_bright_pixels(dict(zip(names, seen, strict=True))))
    matrix = fit_crosstalk(samples, CrosstalkSettings(flux_order=flux_order))
    others = ~np.eye(n_amplifiers, dtype=bool)
    linear = (matrix.coeffs - coeffs)[others] / matrix.errors[others]
    if not flux_order:
        return linear, np.zeros(0)
    quadratic = (matrix.squared - squared)[others] / matrix.squared_errors[others]
    return linear, quadratic


def true_crosstalk(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw a matrix like the cameras': 3e-4 next door, 1e-5 elsewhere."""
    rng = np.random.default_rng([seed, 5])
    source, target = np.indices((n, n))
    coeffs = rng.normal(0.0, 1e-5, (n, n))
    near = np.abs(source - target) == 1
    coeffs[near] = rng.uniform(1e-4, 3e-4, near.sum())
    squared = rng.normal(0.0, 8e-11, (n, n))
    np.fill_diagonal(coeffs, 0.0)
    np.fill_diagonal(squared, 0.0)
    return coeffs, squared
