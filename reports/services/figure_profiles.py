"""Figures of what verification measured along an amplifier: profiles and spectra."""

from collections.abc import Callable

import numpy as np

from calibrations.imaging.spectra import spectrum_frequencies
from reports.models import VerificationReport
from reports.plots import curves
from reports.services.figure_kinds import Data, FigureKind, Place
from reports.services.geometry import detector_names
from reports.services.profiles import EXPOSURES, UNIT, read_profiles
from taxicab.errors import NotFoundError

__all__ = ["PROFILE_FIGURES"]

Make = Callable[[VerificationReport, str, Place], Data]


def _profile(vector: str, across: str, words: str) -> Make:
    """Draw the mean of each column or row."""

    def make(report: VerificationReport, key: str, place: Place) -> Data:
        middle, low, high, title, unit = _read(report, key, place, vector)
        x = np.arange(middle.size)
        return Data(
            {
                f"{across} (px)": x,
                f"median ({unit})": middle,
                f"least ({unit})": low,
                f"greatest ({unit})": high,
            },
            lambda: curves.plot_band(
                x,
                middle,
                low,
                high,
                title=f"{title}: {words}",
                x_label=f"{across} of the amplifier (px)",
                y_label=f"{words} ({unit})",
            ),
        )

    return make


def _spectrum(report: VerificationReport, key: str, place: Place) -> Data:
    middle, low, high, title, _ = _read(report, key, place, "NOISE_SPECTRUM")
    x = spectrum_frequencies(middle.size)
    return Data(
        {
            "frequency (1/px)": x,
            "median (e⁻²)": middle,
            "least (e⁻²)": low,
            "greatest (e⁻²)": high,
        },
        lambda: curves.plot_band(
            x,
            middle,
            low,
            high,
            title=f"{title}: noise by frequency",
            x_label="frequency along the rows (cycles per pixel)",
            y_label="power (e⁻²)",
            logarithmic=True,
        ),
    )


def _read(
    report: VerificationReport, key: str, place: Place, vector: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, str, str]:
    """Read a vector, what its figure is of, and the unit of profiles."""
    found = read_profiles(report, key, place)
    names = detector_names(report.ticket.instrument_id)
    title = f"{names.get(place[0], place[0])} {place[1]}"
    middle, low, high = found[vector]
    if not middle.size:
        raise NotFoundError(
            f"{key} has no {vector} of {title}: it was verified before that was "
            "measured, or the amplifier has no good pixel. Verify it again to see it."
        )
    n = len(found[EXPOSURES])
    title = f"{title}, {n} exposure{'s' if n > 1 else ''}"
    return middle, low, high, title, found[UNIT]


PROFILE_FIGURES = (
    FigureKind(
        "rows",
        "profile of rows",
        "Look for a ramp from the readout on, for steps, and for rows that stand out: "
        "what all exposures share was not subtracted.",
        _profile("PARALLEL_PROF", "row", "mean of each row"),
        needs=("PARALLEL_PROF",),
    ),
    FigureKind(
        "columns",
        "profile of columns",
        "Look for columns that stand out of every exposure, and for a rise at the "
        "amplifier's edges.",
        _profile("SERIAL_PROF", "column", "mean of each column"),
        needs=("SERIAL_PROF",),
    ),
    FigureKind(
        "spectrum",
        "noise spectrum",
        "Look for lines, which are pick-up, and for a rise to low frequencies, which "
        "the overscan did not take away; white noise of σ is flat at σ².",
        _spectrum,
        needs=("NOISE_SPECTRUM",),
    ),
)
