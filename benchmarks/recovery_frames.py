"""Defects and fringes: planted into frames of one amplifier, combined, and found."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks.recovery_data import GAIN, READ_NOISE_E, Bench
from benchmarks.recovery_runs import AMPLIFIER, Recovered, relative
from calibrations.domain.cameras import SegmentLayout
from calibrations.imaging.combine import combine_frames
from calibrations.imaging.defect_search import DefectSettings, find_defects
from calibrations.imaging.frames import Box
from calibrations.imaging.fringe import fringe_amplitude, relative_sky
from calibrations.imaging.overscan import subtract_serial_overscan
from calibrations.simulation.sky import fringe_pattern

DARK_TIME_S = 30.0
DARK_E_PER_S = 0.03
FLAT_E = 50000.0
SKY_E = 3000.0
FRINGE_SIGMA = 0.02
THRESHOLDS = DefectSettings(threshold_type="VALUE")


def planted(
    shape: tuple[int, int], n: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Choose pixels, and a column each, that no other defect touches."""
    ny, nx = shape
    xs = np.arange(5, nx - 5, 3)
    ys = np.arange(5, ny - 5, 3)
    hot_column, cold_column = 3 * (nx // 9), 6 * (nx // 9)
    xs = xs[(np.abs(xs - hot_column) > 2) & (np.abs(xs - cold_column) > 2)]
    places = rng.choice(len(xs) * len(ys), 3 * n, replace=False)
    masks = {kind: np.zeros(shape, bool) for kind in ("hot", "cold", "bias")}
    for kind, part in zip(masks, np.split(places, 3), strict=True):
        masks[kind][ys[part // len(xs)], xs[part % len(xs)]] = True
    masks["hot"][:, hot_column] = True
    masks["cold"][:, cold_column] = True
    return masks


def sizes_by_value() -> Mapping[str, float]:
    """Give twice the physical limits: e-/s, share of light lost, ADU."""
    return {
        "hot": 2 * THRESHOLDS.dark_current_threshold_e_s,
        "cold": 2 * (1 - THRESHOLDS.flat_fraction_threshold),
        "bias": 2 * THRESHOLDS.bias_threshold_adu,
    }


def sizes_by_sigma(n_frames: int) -> Mapping[str, float]:
    """Give twice the limits in standard deviations of the combined frames."""
    settings = DefectSettings()
    read = READ_NOISE_E / np.sqrt(n_frames)
    # A dark has the noise of the bias that was subtracted, too.
    dark = np.hypot(np.sqrt(2) * read, np.sqrt(DARK_E_PER_S * DARK_TIME_S / n_frames))
    flat = np.hypot(0.007, 1 / np.sqrt(FLAT_E * n_frames))
    return {
        "hot": 2 * settings.n_sigma_bright * dark / DARK_TIME_S,
        "cold": -2 * settings.n_sigma_dark * flat,
        "bias": 2 * settings.n_sigma_bright * read / GAIN,
    }


def combined_frames(
    bench: Bench,
    masks: Mapping[str, np.ndarray],
    sizes: Mapping[str, float],
    n_frames: int,
) -> dict[str, np.ndarray]:
    """Simulate and combine biases, darks and flats of one amplifier.

    Returns
    -------
    dict
        Bias in electrons, dark in electrons per second, flat around 1.
    """
    shape = masks["hot"].shape
    dark = DARK_E_PER_S + sizes["hot"] * masks["hot"]
    response = bench.response() * np.where(masks["cold"], 1 - sizes["cold"], 1.0)
    bias_e = (sizes["bias"] * GAIN * masks["bias"]).astype(np.float32)
    light: Mapping[str, Callable[[], np.ndarray]] = {
        "bias": lambda: np.zeros(shape, np.float32),
        "dark": lambda: (dark * DARK_TIME_S).astype(np.float32),
        "flat": lambda: (FLAT_E * response).astype(np.float32),
    }
    combined: dict[str, np.ndarray] = {}
    for key, (kind, expected) in enumerate(light.items()):
        stack = np.empty((n_frames, *shape), np.float32)
        for number in range(n_frames):
            rng = bench.rng(2, key, number)
            charge = bench.expose(rng, expected()) + bias_e
            raw = subtract_serial_overscan(
                bench.read(rng, charge), bench.serial_overscan
            )
            stack[number] = raw.data[bench.data_box.slices] * np.float32(GAIN)
            if kind != "bias":
                stack[number] -= combined["bias"]
        combined[kind] = combine_frames(list(stack)).image
    combined["dark"] /= np.float32(DARK_TIME_S)
    combined["flat"] /= np.float32(np.median(combined["flat"]))
    return combined


def search(combined: Mapping[str, np.ndarray], settings: DefectSettings) -> np.ndarray:
    """Find the defects of the three frames, joined."""
    found = np.zeros(combined["bias"].shape, bool)
    boxes = {AMPLIFIER: Box(0, 0, found.shape[1], found.shape[0])}
    for kind, image in combined.items():
        found |= find_defects(
            image,
            boxes,
            kind=kind,  # type: ignore[arg-type]  # the keys are its words
            gains={AMPLIFIER: GAIN},
            settings=settings,
        ).mask
    return found


def completeness_and_purity(
    found: np.ndarray, masks: Mapping[str, np.ndarray]
) -> tuple[float, float]:
    """Give the share of planted pixels found, and of found ones planted."""
    truth = np.logical_or.reduce(list(masks.values()))
    both = np.count_nonzero(found & truth)
    return both / truth.sum(), both / max(np.count_nonzero(found), 1)


def defects(
    layout: SegmentLayout, seed: int, *, n_frames: int = 15, n_planted: int = 1000
) -> Iterator[Recovered]:
    """Plant defects at twice each limit; those in sigmas are searched by sigmas."""
    bench = Bench(layout, seed)
    shape = (layout.data_rows, layout.data_columns)
    for name, sizes, settings in (
        ("VALUE", sizes_by_value(), THRESHOLDS),
        ("STDEV", sizes_by_sigma(n_frames), DefectSettings()),
    ):
        masks = planted(shape, n_planted, bench.rng(3))
        found = search(combined_frames(bench, masks, sizes, n_frames), settings)
        complete, pure = completeness_and_purity(found, masks)
        yield relative(f"defects found ({name})", 1.0, complete, 0.01)
        yield relative(f"purity of defects ({name})", 1.0, pure, 0.01)


def fringe_frames(
    layout: SegmentLayout, seed: int, n_frames: int, sigma: float = FRINGE_SIGMA
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate science frames with stars and combine them; give frame and variance."""
    bench = Bench(layout, seed)
    shape = (layout.data_rows, layout.data_columns)
    pattern = fringe_pattern(bench.rng(6), shape)
    stack, masks = [], []
    for number in range(n_frames):
        rng = bench.rng(7, number)
        sky = SKY_E * rng.normal(1.0, 0.05)
        light = np.float32(sky) * (1.0 + np.float32(sigma) * pattern)
        raw = subtract_serial_overscan(
            bench.read(rng, bench.expose(rng, light)), bench.serial_overscan
        )
        sky_frame = relative_sky(raw.data[bench.data_box.slices] * np.float32(GAIN))
        stack.append(sky_frame.image)
        masks.append(sky_frame.left_out)
    combined = combine_frames(stack, masks=masks)
    return combined.image, combined.variance


def fringes(
    layout: SegmentLayout, seed: int, *, n_frames: int = 10
) -> Iterator[Recovered]:
    """Amplitude of the combined fringes: √2 times the pattern's deviation."""
    image, variance = fringe_frames(layout, seed, n_frames)
    amplitude, _ = fringe_amplitude(image, variance)
    yield relative("fringe amplitude", np.sqrt(2.0) * FRINGE_SIGMA, amplitude, 0.02)
