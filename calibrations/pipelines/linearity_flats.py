"""Flats of growing exposure: the signal of each amplifier, and the light that fell.

What the linearizer's generation and its verification have in common. One exposure is
in memory at a time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DeferredDatasetHandle
from lsst.pex.config import ChoiceField, Field
from lsst.pipe.base import QuantumContext, connectionTypes

from calibrations.imaging.errors import ImageError
from calibrations.imaging.isr import ProcessedFrame, mask_bits
from calibrations.imaging.linearity import LinearityType
from calibrations.imaging.linearity_data import LinearityData, LinearitySettings
from calibrations.imaging.photodiode import PhotodiodeReadings, integrate_charge
from calibrations.imaging.ptc_pairs import FlatExposure, PairBy, pair_flats
from calibrations.imaging.statistics import IQR_TO_SIGMA, percentiles
from calibrations.pipelines.applying import BY_DETECTOR, RawInputConnections
from calibrations.pipelines.configs import ApplyConfig
from calibrations.pipelines.processing import (
    Calibrations,
    by_exposure,
    process_raw,
)

__all__ = [
    "FlatSeriesConfig",
    "FlatSeriesConnections",
    "gather_series",
    "read_charges",
]

LEFT_OUT = ("BAD", "NO_DATA")
CLIP_SIGMA = 5.0
ALWAYS_WITHIN = 0.25
"""Relative to the middle of an amplifier: dust takes 0.1, corners of the field 0.2;
cosmic rays in faint flats and cold pixels are beyond."""

LEAST_PIXELS = 0.5
"""Of an amplifier's pixels, that are neither bad nor without data."""

EXPOSURE_TIME, PHOTODIODE, AUTO = "EXPTIME", "PHOTODIODE", "AUTO"


class FlatSeriesConnections(RawInputConnections, dimensions=BY_DETECTOR):
    """Raw flats of one detector and, where asked for, what the photodiode read."""

    photodiode = connectionTypes.PrerequisiteInput(
        name="photodiode",
        doc="Readings of the photodiode during each exposure.",
        storageClass="ArrowAstropy",
        dimensions=("instrument", "exposure"),
        multiple=True,
        deferLoad=True,
        minimum=0,
    )

    def __init__(self, *, config: Any = None) -> None:
        super().__init__(config=config)
        if config.light == EXPOSURE_TIME:
            del self.photodiode


class FlatSeriesConfig(ApplyConfig):
    """Choices of the measurement of flats and of the fit."""

    linearityType = ChoiceField(
        dtype=str,
        default="Squared",
        doc="What is fitted.",
        allowed={
            kind.value: kind.name.replace("_", " ").capitalize()
            for kind in LinearityType
        },
        optional=False,
    )
    light = ChoiceField(
        dtype=str,
        default=EXPOSURE_TIME,
        doc="What tells the light that fell.",
        allowed={
            EXPOSURE_TIME: "The exposure time: the lamp is steady.",
            PHOTODIODE: "The charge a photodiode gathered; pairs without are left out.",
            AUTO: "The photodiode if every flat has its readings, else the time.",
        },
        optional=False,
    )
    photodiodeIntegrationMethod = Field(
        dtype=str,
        default="TRIMMED_SUM",
        doc="How readings become a charge: DIRECT_SUM, TRIMMED_SUM, CHARGE_SUM, MEAN.",
    )
    groupingKeyword = Field(
        dtype=str,
        default="",
        doc=(
            "Header keyword whose values have slopes of their own (LSSTCam: CCOBCURR); "
            "filters always have."
        ),
    )
    pairingTolerance = Field(
        dtype=float, default=5e-3, doc="Exposure times of a pair agree within this (s)."
    )
    polynomialOrder = Field(dtype=int, default=3, doc="Of Polynomial and LookupTable.")
    splineKnots = Field(dtype=int, default=10, doc="Knots of a spline.")
    splineKnotPower = Field(
        dtype=float,
        default=2.0,
        doc="Knots are spread as (0, 1/n, ... 1) to this power; 1 spreads them evenly.",
    )
    minLinearAdu = Field(dtype=float, default=30.0, doc="Begin of the linear range.")
    maxLinearAdu = Field(dtype=float, default=20000.0, doc="End of the linear range.")
    nSigmaClipLinear = Field(dtype=float, default=5.0, doc="Clipping of the fit.")
    maxFracLinearityDeviation = Field(
        dtype=float, default=0.01, doc="Relative deviation that makes the turnoff."
    )
    minSignalFitLinearityTurnoff = Field(
        dtype=float, default=1000.0, doc="Fainter flats tell nothing of it (adu)."
    )
    doSplineFitOffset = Field(
        dtype=bool, default=False, doc="Fit a constant level, such as leaking light."
    )
    maxSaturatedFraction = Field(
        dtype=float,
        default=0.005,
        doc="An amplifier with more of its pixels saturated is left out of a fit.",
    )
    maxLookupTableAdu = Field(dtype=int, default=2**18, doc="Longest table (adu).")

    def linearity_settings(self) -> LinearitySettings:
        """Give the choices in the form the image code takes."""
        return LinearitySettings(
            type=LinearityType(self.linearityType),
            polynomial_order=self.polynomialOrder,
            n_nodes=self.splineKnots,
            knot_power=self.splineKnotPower,
            min_linear_adu=self.minLinearAdu,
            max_linear_adu=self.maxLinearAdu,
            clip_sigma=self.nSigmaClipLinear,
            max_fraction=self.maxFracLinearityDeviation,
            min_turnoff_adu=self.minSignalFitLinearityTurnoff,
            fit_offset=self.doSplineFitOffset,
            max_table_adu=self.maxLookupTableAdu,
        )


def read_charges(
    context: QuantumContext, inputs: Any, config: FlatSeriesConfig, log: Any
) -> dict[int, float] | None:
    """Integrate the photodiode's readings of each exposure, where light is told by it.

    Returns
    -------
    dict or None
        Coulombs by exposure; readings that give no charge are left out and said. None
        where the exposure time tells the light.
    """
    if config.light == EXPOSURE_TIME:
        return None
    charges: dict[int, float] = {}
    for handle in context.get(inputs.photodiode):
        exposure = int(handle.dataId["exposure"])
        try:
            readings = PhotodiodeReadings.from_table(handle.get())
            charges[exposure] = integrate_charge(
                readings, config.photodiodeIntegrationMethod
            )
        except ImageError as e:
            log.warning("Photodiode of exposure %d: %s", exposure, e)
    flats = {int(ref.dataId["exposure"]) for ref in inputs.raws}
    if config.light == AUTO and flats - set(charges):
        log.info("No photodiode for %d flats: by time", len(flats - set(charges)))
        return None
    return charges


def gather_series(
    handles: Sequence[DeferredDatasetHandle],
    calibrations: Calibrations,
    config: FlatSeriesConfig,
    charges: Mapping[int, float] | None,
    log: Any,
) -> LinearityData:
    """Measure raw flats of one detector and put pairs together.

    Parameters
    ----------
    handles
        Raw flats.
    calibrations
        Applied before the signal is measured, in ADU.
    config
        Choices.
    charges
        Charge of each exposure; None to go by exposure times.
    log
        For flats that have no partner.

    Returns
    -------
    LinearityData
        A pair for each two exposures of one time, filter and group.
    """
    ordered = by_exposure(handles)
    headers: dict[int, Mapping[str, Any]] = {}
    means: dict[int, dict[str, tuple[float, float, bool]]] = {}
    noises: dict[str, list[float]] = {}
    settings = config.isr_settings()
    for handle in ordered:
        frame = process_raw(handle.get(), handle.dataId, calibrations, settings)
        for name, scatter in frame.overscan_stdev_adu.items():
            noises.setdefault(name, []).append(scatter * frame.gains[name])
        exposure = int(handle.dataId["exposure"])
        headers[exposure] = frame.header
        means[exposure] = measure_frame(frame.in_adu(), config.maxSaturatedFraction)
    group_of = group_numbers(headers, config.groupingKeyword)
    pairs = paired(headers, group_of, config.pairingTolerance, log)
    names = tuple(next(iter(means.values())))
    return LinearityData(
        amplifiers=names,
        signals_adu=np.array(
            [[0.5 * (means[a][n][0] + means[b][n][0]) for a, b in pairs] for n in names]
        ),
        abscissae=np.array(
            [0.5 * (light(headers, charges, a) + light(headers, charges, b))
             for a, b in pairs]
        ),
        exposures=np.array([a for a, _ in pairs], dtype=np.int64),
        groups=np.array([group_of[a] for a, _ in pairs]),
        errors_adu=np.array(
            [[0.5 * np.hypot(means[a][n][1], means[b][n][1]) for a, b in pairs]
             for n in names]
        ),
        used=np.array([[means[a][n][2] and means[b][n][2] for a, b in pairs]
                       for n in names]),
        **known_of_amplifiers(names, noises, calibrations.tables.get("ptc")),
    )  # fmt: skip


def measure_frame(
    frame: ProcessedFrame, max_saturated: float
) -> dict[str, tuple[float, float, bool]]:
    """Mean of every amplifier in ADU, its error, and whether it is free of saturation.

    Every level must be the mean of the same pixels. Clipping by noise alone leaves the
    shadows of dust out of bright flats and in faint ones, which bends a response by
    half a per cent: what is within a quarter of the middle always counts.
    """
    measured = {}
    for name, box in frame.boxes.items():
        mask, image = frame.mask[box.slices], frame.image[box.slices]
        left_out = (mask & mask_bits(*LEFT_OUT)) > 0
        left_out |= ~np.isfinite(image)
        if (~left_out).sum() < LEAST_PIXELS * mask.size:
            measured[name] = (float("nan"), float("nan"), False)
            continue
        saturated = (mask & mask_bits("SAT")) > 0
        fraction = saturated[~left_out].mean()
        noise = pixel_noise(np.where(left_out, np.nan, image))
        values = image[~left_out]
        (middle,) = percentiles(values, [50.0])
        reach = max(CLIP_SIGMA * noise, ALWAYS_WITHIN * abs(middle))
        kept = values[np.abs(values - middle) <= reach]
        error = noise / max(kept.size, 1) ** 0.5
        mean = float(kept.mean(dtype=np.float64))
        measured[name] = (mean, error, bool(fraction <= max_saturated))
    return measured


def pixel_noise(image: np.ndarray) -> float:
    """Give the robust scatter of pixels from what neighbours in a row differ by.

    What slopes, dust and defects make of the whole is no noise of its mean.
    """
    differences = np.diff(image, axis=1)
    if not np.isfinite(differences).any():
        return 0.0
    q25, q75 = percentiles(differences, [25.0, 75.0])
    return float(IQR_TO_SIGMA * (q75 - q25) / 2**0.5)


def group_numbers(
    headers: Mapping[int, Mapping[str, Any]], keyword: str
) -> dict[int, int]:
    """Give every exposure the number of its filter and setting of the lamp."""
    keys = {
        exposure: (
            str(header.get("FILTER") or ""),
            str(header.get(keyword) or "") if keyword else "",
        )
        for exposure, header in headers.items()
    }
    order = sorted(set(keys.values()))
    return {exposure: order.index(key) for exposure, key in keys.items()}


def paired(
    headers: Mapping[int, Mapping[str, Any]],
    group_of: Mapping[int, int],
    tolerance: float,
    log: Any,
) -> list[tuple[int, int]]:
    """Pair exposures of one group by time."""
    pairs: list[tuple[int, int]] = []
    for group in sorted(set(group_of.values())):
        flats = [
            FlatExposure(exposure, exposure_time(headers[exposure]))
            for exposure in headers
            if group_of[exposure] == group
        ]
        found, alone = pair_flats(flats, PairBy.TIME, tolerance=tolerance)
        pairs += found
        if alone:
            log.warning("Flats without a partner: %s", ", ".join(map(str, alone)))
    if not pairs:
        raise ImageError(
            f"None of {len(headers)} flats has a partner of the same exposure time: "
            "there is no pair to measure linearity on."
        )
    return sorted(pairs)


def exposure_time(header: Mapping[str, Any]) -> float:
    """Exposure time in seconds, or NaN where the header has none."""
    value = header.get("EXPTIME")
    return float("nan") if value is None else float(value)


def light(
    headers: Mapping[int, Mapping[str, Any]],
    charges: Mapping[int, float] | None,
    exposure: int,
) -> float:
    """Light of an exposure; NaN where it is not known."""
    if charges is None:
        return exposure_time(headers[exposure])
    return charges.get(exposure, float("nan"))


def known_of_amplifiers(
    names: Sequence[str], noises: Mapping[str, Sequence[float]], ptc: Table | None
) -> dict[str, Any]:
    """Give read noise, turnoff and what a photon transfer curve calls bad."""
    noise = [float(np.nanmedian(noises[name])) for name in names]
    known: dict[str, Any] = {"noise_e": np.array(noise)}
    if ptc is None:
        return known
    rows = {str(row["AMPLIFIER_NAME"]): row for row in ptc}
    turnoffs = [float(rows[n]["PTC_TURNOFF"]) if n in rows else np.nan for n in names]
    bad = [n for n in names if n not in rows or bool(rows[n]["BAD"])]
    return known | {
        "linear_limit_adu": np.array(turnoffs),
        "unusable": dict.fromkeys(
            bad, "the photon transfer curve could not measure it"
        ),
    }
