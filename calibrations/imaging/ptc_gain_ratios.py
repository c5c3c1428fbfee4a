"""Gains of a detector's amplifiers against one another, from flats. NumPy in and out.

A photon transfer curve tells each gain to some tenths of a percent; steps between
neighbouring amplifiers on an evenly lit flat tell their ratios ten times better. What
the light itself does (a radial falloff, a gradient) is fitted beside the ratios.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from scipy.interpolate import CubicSpline

from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box
from calibrations.imaging.statistics import IQR_TO_SIGMA

__all__ = [
    "BinnedFlat",
    "RatioSettings",
    "adjust_gains",
    "bin_flat",
    "choose_reference",
    "fit_gain_ratios",
]

TRIM = (5.0, 95.0, 0.8, 1.2)
"""Bins outside 0.8 and 1.2 times these percentiles are left out: unmasked defects."""


@dataclass(frozen=True)
class RatioSettings:
    """Choices; defaults as upstream."""

    bin_size: int = 8
    boundary: int = 20
    """Pixels left out along the borders of an amplifier; a twentieth at most."""

    n_radial_nodes: int = 20
    """0: no radial falloff is fitted (LATISS)."""

    order: int = 1
    """Of the Chebyshev polynomials in x and y (LATISS: 2)."""

    max_deviation: float = 0.05
    """An amplifier further off than this is bad: it takes no part, its gain stays."""

    clip_sigma: float = 5.0
    max_noise_e: float = 12.0
    turnoff_percentile: float = 25.0


@dataclass(frozen=True, eq=False)
class BinnedFlat:
    """A flat in electrons, averaged over small squares within each amplifier."""

    x: np.ndarray
    """Shape (n,): centres, pixels of the detector."""

    y: np.ndarray
    values: np.ndarray
    amplifier: np.ndarray
    """Shape (n,): index of the amplifier."""


def bin_flat(
    image_adu: np.ndarray,
    boxes: Mapping[str, Box],
    gains: Mapping[str, float],
    *,
    mask: np.ndarray | None = None,
    settings: RatioSettings | None = None,
) -> BinnedFlat:
    """Average a flat over squares within each amplifier, gains applied.

    Parameters
    ----------
    image_adu
        Assembled detector, shape (ny, nx), ADU.
    boxes, gains
        Of the amplifiers.
    mask
        Same shape, True where a pixel takes no part.
    settings
        Choices.
    """
    settings = settings or RatioSettings()
    if mask is not None and mask.shape != image_adu.shape:
        raise ImageError(f"Mask {mask.shape} and image {image_adu.shape} differ.")
    good = np.isfinite(image_adu)
    if mask is not None:
        good &= ~mask
    parts: list[tuple[np.ndarray, ...]] = []
    for index, (name, box) in enumerate(boxes.items()):
        inner = _without_border(box, settings.boundary)
        y, x, values = _means(image_adu, good, inner, settings.bin_size)
        parts.append((x, y, values * gains[name], np.full(x.size, index)))
    return BinnedFlat(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def choose_reference(
    gains: np.ndarray,
    noises_e: np.ndarray,
    turnoffs_adu: np.ndarray,
    settings: RatioSettings | None = None,
) -> int:
    """Choose the amplifier the others are compared with.

    Parameters
    ----------
    gains, noises_e, turnoffs_adu
        Shape (n_amplifiers,); NaN for bad ones.

    Returns
    -------
    int
        That of the median gain among those of low noise and a turnoff above the
        25th percentile.

    Raises
    ------
    ImageError
        Raised if fewer than two amplifiers qualify.
    """
    settings = settings or RatioSettings()
    finite = turnoffs_adu[np.isfinite(turnoffs_adu)]
    least = np.percentile(finite, settings.turnoff_percentile) if finite.size else 0.0
    with np.errstate(invalid="ignore"):
        good = (
            np.isfinite(gains)
            & (noises_e <= settings.max_noise_e)
            & (turnoffs_adu >= least)
        )
    places = np.flatnonzero(good)
    if places.size < 2:
        raise ImageError(
            f"{places.size} amplifiers are good enough to adjust gains; 2 are needed."
        )
    ordered = places[np.argsort(gains[places], kind="stable")]
    return int(ordered[len(ordered) // 2])


def fit_gain_ratios(
    flat: BinnedFlat,
    n_amplifiers: int,
    reference: int,
    *,
    radius_mm: np.ndarray | None = None,
    settings: RatioSettings | None = None,
) -> np.ndarray:
    """Fit how bright each amplifier is against the reference.

    Parameters
    ----------
    flat
        Binned flat.
    n_amplifiers, reference
        Number of amplifiers, index of the reference.
    radius_mm
        Distance of each bin from the centre of the focal plane; without it no radial
        falloff is fitted.
    settings
        Choices.

    Returns
    -------
    numpy.ndarray
        Shape (n_amplifiers,): 1 for the reference; NaN for amplifiers that have no
        bins or deviate by more than ``max_deviation``.

    Notes
    -----
    The logarithm of the flat is a sum: an amplifier's ratio, a spline of the radius, a
    polynomial. All are fitted at once, clipped at 5 sigma. Upstream
    (``cpPtcAdjustGainRatios``) fits the radius first, without knowing amplifiers, so
    that part of the ratios goes into the spline.
    """
    settings = settings or RatioSettings()
    good = np.isfinite(flat.values) & (flat.values > 0)
    if not good.any():
        return np.full(n_amplifiers, np.nan)
    low, high = np.percentile(flat.values[good], TRIM[:2])
    good &= (flat.values >= low * TRIM[2]) & (flat.values <= high * TRIM[3])
    ratios = np.full(n_amplifiers, np.nan)
    present = [i for i in range(n_amplifiers) if (flat.amplifier[good] == i).any()]
    while reference in present and len(present) > 1:
        use = good & np.isin(flat.amplifier, present)
        found = _fit_logs(flat, use, present, reference, radius_mm, settings)
        worst = int(np.argmax(np.abs(found - 1.0)))
        if abs(found[worst] - 1.0) <= settings.max_deviation:
            ratios[present] = found
            break
        present.pop(worst)
    return ratios


def adjust_gains(gains: np.ndarray, ratios: Sequence[np.ndarray]) -> np.ndarray:
    """Divide each gain by its median ratio, the detector's median unchanged.

    Parameters
    ----------
    gains
        Shape (n_amplifiers,).
    ratios
        Of each flat, shape (n_amplifiers,).

    Returns
    -------
    numpy.ndarray
        Adjusted gains; a gain without any ratio stays as it is.

    Raises
    ------
    ImageError
        Raised without a flat.
    """
    if not len(ratios):
        raise ImageError("There is no flat to adjust the gains by.")
    stacked = np.stack(list(ratios))
    corrections = np.ones(len(gains))
    measured = np.isfinite(stacked).any(axis=0)
    if not measured.any():
        return np.array(gains, dtype=np.float64)
    corrections[measured] = np.nanmedian(stacked[:, measured], axis=0)
    corrections[measured] /= np.median(corrections[measured])
    return np.asarray(gains, np.float64) / corrections


def _without_border(box: Box, boundary: int) -> Box:
    """Leave out what is next to another amplifier."""
    ny, nx = box.shape
    dy, dx = min(boundary, ny // 20), min(boundary, nx // 20)
    return Box(box.x0 + dx, box.y0 + dy, box.x1 - dx, box.y1 - dy)


def _means(
    image: np.ndarray, good: np.ndarray, box: Box, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give centres and means of the squares of a box that are at least half good."""
    ny, nx = (n // size for n in box.shape)
    where = (slice(box.y0, box.y0 + ny * size), slice(box.x0, box.x0 + nx * size))
    shape = (ny, size, nx, size)
    counts = good[where].reshape(shape).sum(axis=(1, 3))
    values = np.where(good[where], image[where], 0.0).astype(np.float64)
    sums = values.reshape(shape).sum(axis=(1, 3))
    rows, columns = np.nonzero(counts > 0.5 * size**2)
    centre = 0.5 * (size - 1)
    return (
        box.y0 + rows * size + centre,
        box.x0 + columns * size + centre,
        sums[rows, columns] / counts[rows, columns],
    )


def _fit_logs(
    flat: BinnedFlat,
    use: np.ndarray,
    present: Sequence[int],
    reference: int,
    radius_mm: np.ndarray | None,
    settings: RatioSettings,
) -> np.ndarray:
    """Give the ratios of the amplifiers present, in their order."""
    others = [i for i in present if i != reference]
    columns = [(flat.amplifier[use] == i).astype(np.float64) for i in others]
    columns += _gradient_columns(flat, use, settings.order)
    if radius_mm is not None and settings.n_radial_nodes > 1:
        radius = radius_mm[use]
        nodes = np.linspace(radius.min(), radius.max(), settings.n_radial_nodes)
        basis = CubicSpline(nodes, np.eye(nodes.size), bc_type="natural")(radius)
        columns += list(basis.T)
    else:
        columns.append(np.ones(int(use.sum())))
    design, logs = np.stack(columns, axis=1), np.log(flat.values[use])
    kept = np.ones(logs.size, dtype=bool)
    for _ in range(3):
        solution = np.linalg.lstsq(design[kept], logs[kept], rcond=1e-10)[0]
        residuals = logs - design @ solution
        q25, q75 = np.percentile(residuals[kept], [25.0, 75.0])
        kept = np.abs(residuals) <= settings.clip_sigma * IQR_TO_SIGMA * (q75 - q25)
    by_amplifier = dict(zip(others, np.exp(solution), strict=False))
    return np.array([by_amplifier.get(i, 1.0) for i in present])


def _gradient_columns(
    flat: BinnedFlat, use: np.ndarray, order: int
) -> list[np.ndarray]:
    """Products of Chebyshev polynomials up to an order, the constant left out."""
    if order < 1:
        return []
    scaled = []
    for centre in (flat.x[use], flat.y[use]):
        half = max(0.5 * float(np.ptp(centre)), 1.0)
        scaled.append(chebvander((centre - centre.min()) / half - 1.0, order))
    return [
        scaled[0][:, i] * scaled[1][:, j]
        for i in range(order + 1)
        for j in range(order + 1 - i)
        if i or j
    ]
