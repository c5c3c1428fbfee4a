"""How the numbers of a verification run changed with time: bias and gain stability.

As the camera team's ``eo_pipe`` draws them, reduced to numbers: a row for each
amplifier and quantity. Trends have no limits, a report shows them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.imaging.diagnostics import trend
from calibrations.pipelines.tables import table_from_rows

__all__ = ["TrendFilterTask", "TrendTask", "gain_ratios"]

RUN = ("instrument",)
FILTER_RUN = ("instrument", "physical_filter")
STAGE = {"stage": "Bias"}

QUANTITIES: Mapping[str, Mapping[str, str]] = {
    "BIAS": {
        "MEAN": "electron",
        "AMP_CORNER": "electron",
        "NOISE": "electron",
        "READ_NOISE_ADU": "adu",
    },
    "DARK": {"MEAN": "electron", "NOISE": "electron", "READ_NOISE_ADU": "adu"},
    "FLAT": {"GAIN_RATIO": ""},
}
"""Followed through the exposures, with units. ``GAIN_RATIO`` is `gain_ratios`."""


class TrendConnections(PipelineTaskConnections, dimensions=RUN, defaultTemplates=STAGE):
    """The results of a run in, trends out."""

    results = connectionTypes.Input(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    trends = connectionTypes.Output(
        name="verify{stage}Trends",
        doc="Change with time, a row for each amplifier and quantity.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )


class TrendFilterConnections(
    PipelineTaskConnections, dimensions=FILTER_RUN, defaultTemplates={"stage": "Flat"}
):
    """The same for each filter."""

    results = connectionTypes.Input(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )
    trends = connectionTypes.Output(
        name="verify{stage}Trends",
        doc="Change with time, a row for each amplifier and quantity.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )


class TrendConfig(PipelineTaskConfig, pipelineConnections=TrendConnections):
    """Configuration of `TrendTask`."""


class TrendFilterConfig(PipelineTaskConfig, pipelineConnections=TrendFilterConnections):
    """Configuration of `TrendFilterTask`."""


class TrendTask(PipelineTask):
    """Follow the quantities of a stage through the exposures of a run."""

    ConfigClass = TrendConfig
    _DefaultName = "cpVerifyTrends"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, follow, write."""
        instrument = str(butlerQC.quantum.dataId["instrument"])
        butlerQC.put(self.run(butlerQC.get(inputRefs.results), instrument), outputRefs)

    def run(self, results: Table, instrument: str) -> Struct:
        """Follow every quantity of every amplifier."""
        stage = self.config.connections.stage.upper()
        rows = [{"instrument": instrument, **row} for row in trend_rows(stage, results)]
        return Struct(trends=table_from_rows(rows))


class TrendFilterTask(TrendTask):
    """The same for each filter."""

    ConfigClass = TrendFilterConfig
    _DefaultName = "cpVerifyTrendsByFilter"


def trend_rows(stage: str, results: Table) -> Iterator[dict[str, Any]]:
    """Give a row for each detector, amplifier and quantity."""
    amplifiers = results[np.asarray(results["amplifier"]).astype(str) != ""]
    detectors = np.asarray(amplifiers["detector"])
    names = np.asarray(amplifiers["amplifier"]).astype(str)
    dates = plain(amplifiers, "mjd")
    for quantity, unit in QUANTITIES[stage].items():
        if quantity == "GAIN_RATIO":
            values = gain_ratios(
                plain(amplifiers, "FLAT_MEAN"),
                np.asarray(amplifiers["exposure"]),
                detectors,
                names,
            )
        elif f"{stage}_{quantity}" in amplifiers.colnames:
            values = plain(amplifiers, f"{stage}_{quantity}")
        else:
            continue
        for detector, name in dict.fromkeys(zip(detectors, names, strict=True)):
            ours = (detectors == detector) & (names == name)
            yield {
                "detector": int(detector),
                "amplifier": str(name),
                "quantity": quantity,
                "unit": unit,
                **trend(dates[ours], values[ours]),
            }


def gain_ratios(
    means: np.ndarray, exposures: np.ndarray, detectors: np.ndarray, names: np.ndarray
) -> np.ndarray:
    """Give the response of each amplifier in each flat, over its own average.

    The light of an exposure is taken for the median of all amplifiers, which is what
    remains without a photodiode: a change that all amplifiers share is not seen.

    Parameters
    ----------
    means, exposures, detectors, names
        Shape (n,): mean of the flattened frame, and what it is of.

    Returns
    -------
    numpy.ndarray
        Shape (n,): 1 on average for each amplifier; NaN without light.
    """
    ratios = np.full(means.shape, np.nan)
    for exposure in np.unique(exposures):
        ours = exposures == exposure
        good = ours & np.isfinite(means)
        level = float(np.median(means[good])) if good.any() else 0.0
        if level > 0:
            ratios[ours] = means[ours] / level
    for detector, name in dict.fromkeys(zip(detectors, names, strict=True)):
        ours = (detectors == detector) & (names == name)
        good = ours & np.isfinite(ratios)
        average = float(ratios[good].mean()) if good.any() else 0.0
        ratios[ours] = ratios[ours] / average if average > 0 else np.nan
    return ratios


def plain(table: Table, column: str) -> np.ndarray:
    """Read a column as numbers; what is masked is none."""
    return np.asarray(np.ma.filled(table[column].astype(float), np.nan))
