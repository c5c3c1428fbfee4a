"""Photon transfer curves of a detector: from pairs of flats to gains. NumPy in and out.

What is kept, and its names, are those of Rubin's ``PhotonTransferCurveDataset``: a row
for each amplifier.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
from astropy.table import Column, Table

from calibrations.imaging.errors import ImageError
from calibrations.imaging.ptc_outliers import OutlierSettings
from calibrations.imaging.ptc_pairs import PairMeasurement

__all__ = ["FitType", "FlatPairs", "PhotonTransferCurve", "PtcSettings"]

VERSION = 1


class FitType(StrEnum):
    """The model that is fitted."""

    EXPAPPROXIMATION = "EXPAPPROXIMATION"
    """Variances only, Astier+19 equation 16."""

    FULLCOVARIANCE_NO_B = "FULLCOVARIANCE_NO_B"
    FULLCOVARIANCE = "FULLCOVARIANCE"
    """All covariances, Astier+19 equation 20."""


@dataclass(frozen=True)
class PtcSettings:
    """Choices of the fit; defaults as upstream."""

    fit_type: FitType = FitType.EXPAPPROXIMATION
    outliers: OutlierSettings = field(default_factory=OutlierSettings)
    model_rolloff: bool = False
    clip_sigma: float = 5.0
    """Covariances beyond this leave the full fit."""

    max_iterations: int = 3
    """Of the full fit."""

    min_pairs: int = 4
    """Fewer do not tell three parameters and whether they fit."""


@dataclass(frozen=True, eq=False)
class FlatPairs:
    """All pairs of a detector, measured."""

    amplifiers: tuple[str, ...]
    exposures: np.ndarray
    """Shape (n_pairs, 2): exposure ids, int64."""

    means_adu: np.ndarray
    """Shape (n_amplifiers, n_pairs); NaN where a pair was flagged."""

    variances_adu2: np.ndarray
    covariances_adu2: np.ndarray
    """Shape (n_amplifiers, n_pairs, n_lags, n_lags)."""

    sqrt_weights: np.ndarray
    gains: np.ndarray
    """Shape (n_amplifiers, n_pairs): from each pair alone."""

    row_mean_variances: np.ndarray
    n_columns: np.ndarray
    """Pixels of a row that the variance of the rows' means is of."""

    noises_adu: np.ndarray
    """Read noise of the overscans of each pair."""

    noise_errors_adu: np.ndarray
    exposure_times_s: np.ndarray
    """Shape (n_pairs,)."""

    flags: tuple[tuple[str, ...], ...]
    """Of each amplifier and pair; empty text where all is well."""

    @property
    def usable(self) -> np.ndarray:
        """Pairs that were measured, shape (n_amplifiers, n_pairs)."""
        return np.isfinite(self.means_adu) & np.isfinite(self.variances_adu2)

    @classmethod
    def gather(
        cls,
        measurements: Mapping[str, Sequence[PairMeasurement]],
        exposures: Sequence[tuple[int, int]],
        *,
        noises_adu: Mapping[str, Sequence[float]],
        noise_errors_adu: Mapping[str, Sequence[float]] | None = None,
        exposure_times_s: Sequence[float],
    ) -> "FlatPairs":
        """Put the measurements of each amplifier together, in order of signal.

        Raises
        ------
        ImageError
            Raised without a pair, or if an amplifier lacks one.
        """
        n_pairs = len(exposures)
        if not n_pairs or not measurements:
            raise ImageError("There is no pair of flats to measure.")
        counts = {len(x) for x in (*measurements.values(), *noises_adu.values())}
        if counts != {n_pairs} or len(exposure_times_s) != n_pairs:
            raise ImageError(
                f"{n_pairs} pairs are named, but amplifiers have {sorted(counts)}."
            )

        def array(name: str) -> np.ndarray:
            rows = [[getattr(one, name) for one in x] for x in measurements.values()]
            return np.array(rows, dtype=np.float64)

        noises = np.array([noises_adu[name] for name in measurements], float)
        errors = np.full_like(noises, np.nan)
        if noise_errors_adu is not None:
            errors = np.array([noise_errors_adu[name] for name in measurements], float)
        return cls(
            amplifiers=tuple(measurements),
            exposures=np.array(exposures, dtype=np.int64).reshape(n_pairs, 2),
            means_adu=array("mean_adu"),
            variances_adu2=array("variance_adu2"),
            covariances_adu2=array("covariances"),
            sqrt_weights=array("sqrt_weights"),
            gains=array("gain"),
            row_mean_variances=array("row_mean_variance"),
            n_columns=array("n_columns"),
            noises_adu=noises,
            noise_errors_adu=errors,
            exposure_times_s=np.array(exposure_times_s, float),
            flags=tuple(tuple(one.flag for one in x) for x in measurements.values()),
        ).in_order()

    def in_order(self) -> "FlatPairs":
        """Sort the pairs by their median signal, so that curves read from the left."""
        finite = np.isfinite(self.means_adu)
        level = [
            float(np.median(column[good])) if good.any() else np.inf
            for column, good in zip(self.means_adu.T, finite.T, strict=True)
        ]
        order = np.argsort(level, kind="stable")
        return FlatPairs(
            self.amplifiers,
            self.exposures[order],
            self.means_adu[:, order],
            self.variances_adu2[:, order],
            self.covariances_adu2[:, order],
            self.sqrt_weights[:, order],
            self.gains[:, order],
            self.row_mean_variances[:, order],
            self.n_columns[:, order],
            self.noises_adu[:, order],
            self.noise_errors_adu[:, order],
            self.exposure_times_s[order],
            tuple(tuple(row[i] for i in order) for row in self.flags),
        )


@dataclass(frozen=True, eq=False)
class PhotonTransferCurve:
    """The curve of one amplifier. Numbers that were not measured are NaN."""

    amplifier: str
    fit_type: FitType
    gain: float
    """Electrons per ADU; after the adjustment of ratios, if there was one."""

    gain_unadjusted: float
    gain_error: float
    noise_e: float
    """Read noise: the root of the constant part of the variance."""

    noise_error_e: float
    a00: float
    """1/electron; negative: charge repels charge."""

    a00_error: float
    turnoff_adu: float
    turnoff_error_adu: float
    """Half the distance of the pairs next to the turnoff."""

    chi_squared: float
    """Reduced."""

    a_matrix: np.ndarray
    """Shape (n_lags, n_lags), 1/electron, lag along x first; NaN for
    EXPAPPROXIMATION, as are the next two."""

    b_matrix: np.ndarray
    noise_matrix_e2: np.ndarray
    exposures: np.ndarray
    """Shape (n_pairs, 2)."""

    used: np.ndarray
    """Shape (n_pairs,): pairs that were fitted."""

    exposure_times_s: np.ndarray
    raw_means_adu: np.ndarray
    raw_variances_adu2: np.ndarray
    model_variances_adu2: np.ndarray
    row_mean_variances_adu2: np.ndarray
    n_columns: np.ndarray
    noises_adu: np.ndarray
    noise_errors_adu: np.ndarray
    pair_gains: np.ndarray
    covariances_adu2: np.ndarray
    """Shape (n_pairs, n_lags, n_lags)."""

    covariance_sqrt_weights: np.ndarray
    covariance_models_adu2: np.ndarray
    pair_flags: tuple[str, ...] = ()
    bad: bool = False
    reason: str = ""
    """Why it is bad."""

    @staticmethod
    def to_table(
        curves: Sequence["PhotonTransferCurve"], meta: Mapping[str, Any] | None = None
    ) -> Table:
        """Give a row for each amplifier, in the order given.

        Matrices are flattened, the lag along x first (``A_MATRIX``: n_lags²;
        ``COVARIANCES``: n_pairs * n_lags²; ``COV_MATRIX_SIDE`` is n_lags);
        ``INPUT_EXP_ID_PAIRS`` holds first and second exposure of each pair in turn.
        """
        if not curves:
            raise ImageError("A table of photon transfer curves needs an amplifier.")
        table = Table(meta={"kind": "ptc", "version": VERSION, **(meta or {})})
        table["AMPLIFIER_NAME"] = [one.amplifier for one in curves]
        table["FIT_TYPE"] = [one.fit_type.value for one in curves]
        for name, (attribute, unit) in SCALARS.items():
            values = [float(getattr(one, attribute)) for one in curves]
            table[name] = Column(values, unit=unit)
        side = [one.a_matrix.shape[0] for one in curves]
        table["COV_MATRIX_SIDE"] = np.array(side, np.int64)
        for name, (attribute, unit) in ARRAYS.items():
            vectors = [np.ravel(getattr(one, attribute)) for one in curves]
            table[name] = Column(np.stack(vectors), unit=unit)
        for name, attribute in (
            ("FINAL_MEANS", "raw_means_adu"),
            ("FINAL_VARS", "raw_variances_adu2"),
            ("FINAL_MODEL_VARS", "model_variances_adu2"),
        ):
            vectors = [np.where(c.used, getattr(c, attribute), np.nan) for c in curves]
            table[name] = Column(
                np.stack(vectors), unit="adu" if name == "FINAL_MEANS" else "adu2"
            )
        table["PAIR_FLAGS"] = [json.dumps(list(one.pair_flags)) for one in curves]
        table["BAD"] = np.array([one.bad for one in curves], bool)
        table["REASON"] = [one.reason for one in curves]
        return table

    @staticmethod
    def from_table(table: Table) -> "dict[str, PhotonTransferCurve]":
        """Read what `to_table` wrote, by amplifier."""
        curves = {}
        for row in table:
            side, name = int(row["COV_MATRIX_SIDE"]), str(row["AMPLIFIER_NAME"])
            values: dict[str, Any] = {
                attribute: float(row[column])
                for column, (attribute, _) in SCALARS.items()
            }
            for column, (attribute, _) in ARRAYS.items():
                array = np.asarray(row[column])
                if attribute in MATRICES:
                    array = array.reshape(side, side)
                elif attribute in CUBES:
                    array = array.reshape(-1, side, side)
                elif attribute == "exposures":
                    array = array.reshape(-1, 2)
                values[attribute] = array
            curves[name] = PhotonTransferCurve(
                amplifier=name,
                fit_type=FitType(str(row["FIT_TYPE"])),
                pair_flags=tuple(json.loads(str(row["PAIR_FLAGS"]))),
                bad=bool(row["BAD"]),
                reason=str(row["REASON"]),
                **values,
            )
        return curves


SCALARS: Mapping[str, tuple[str, str]] = {
    "GAIN": ("gain", "electron / adu"),
    "GAIN_UNADJUSTED": ("gain_unadjusted", "electron / adu"),
    "GAIN_ERR": ("gain_error", "electron / adu"),
    "NOISE": ("noise_e", "electron"),
    "NOISE_ERR": ("noise_error_e", "electron"),
    "A00": ("a00", "1 / electron"),
    "A00_ERR": ("a00_error", "1 / electron"),
    "PTC_TURNOFF": ("turnoff_adu", "adu"),
    "PTC_TURNOFF_SAMPLING_ERROR": ("turnoff_error_adu", "adu"),
    "RED_CHI_SQ": ("chi_squared", ""),
}
ARRAYS: Mapping[str, tuple[str, str]] = {
    "A_MATRIX": ("a_matrix", "1 / electron"),
    "B_MATRIX": ("b_matrix", "1 / electron"),
    "NOISE_MATRIX": ("noise_matrix_e2", "electron2"),
    "INPUT_EXP_ID_PAIRS": ("exposures", ""),
    "EXP_ID_MASK": ("used", ""),
    "RAW_EXP_TIMES": ("exposure_times_s", "s"),
    "RAW_MEANS": ("raw_means_adu", "adu"),
    "RAW_VARS": ("raw_variances_adu2", "adu2"),
    "MODEL_VARS": ("model_variances_adu2", "adu2"),
    "ROW_MEAN_VARIANCE": ("row_mean_variances_adu2", "adu2"),
    "ROW_MEAN_COLUMNS": ("n_columns", "pixel"),
    "NOISE_LIST": ("noises_adu", "adu"),
    "NOISE_LIST_ERR": ("noise_errors_adu", "adu"),
    "PAIR_GAINS": ("pair_gains", "electron / adu"),
    "COVARIANCES": ("covariances_adu2", "adu2"),
    "COVARIANCES_SQRT_WEIGHTS": ("covariance_sqrt_weights", "1 / adu2"),
    "COVARIANCES_MODEL": ("covariance_models_adu2", "adu2"),
}
MATRICES = ("a_matrix", "b_matrix", "noise_matrix_e2")
CUBES = ("covariances_adu2", "covariance_sqrt_weights", "covariance_models_adu2")
