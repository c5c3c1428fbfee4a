"""Outputs and rows of verifications that judge a calibration, exposure apart."""

from collections.abc import Mapping
from typing import Any

from lsst.daf.butler import DataCoordinate
from lsst.pipe.base import connectionTypes

from calibrations.pipelines.applying import BY_DETECTOR

__all__ = ["detector_outputs", "result_rows"]


def detector_outputs(stage: str) -> dict[str, connectionTypes.Output]:
    """Declare statistics, results and tests of one detector.

    Parameters
    ----------
    stage
        As dataset names have it, such as ``Linearizer``.
    """
    documents = {
        "stats": ("DetStats", "Statistics and verdicts, nested.", "StructuredDataDict"),
        "results": (
            "DetResults",
            "Statistics and verdicts, a row for each amplifier.",
            "ArrowAstropy",
        ),
        "tests": (
            "DetTests",
            "One row for each test, with value and limit.",
            "ArrowAstropy",
        ),
    }
    return {
        name: connectionTypes.Output(
            name=f"verify{stage}{suffix}",
            doc=doc,
            storageClass=storage,
            dimensions=BY_DETECTOR,
        )
        for name, (suffix, doc, storage) in documents.items()
    }


def result_rows(
    stage: str, stats: Mapping[str, Any], data_id: DataCoordinate
) -> list[dict[str, Any]]:
    """Flatten the tree to a row for each amplifier, and one for the detector.

    Columns are ``{STAGE}_{STATISTIC}`` and ``{STAGE}_VERIFY_{TEST}``, as upstream's;
    the detector's own row has no amplifier and ``{STAGE}_DET_…``.
    """
    base = {
        "instrument": str(data_id["instrument"]),
        "detector": int(data_id["detector"]),
    }
    rows = []
    for name, measured in stats["AMP"].items():
        row = {**base, "amplifier": name}
        row |= {
            f"{stage}_{key}": value
            for key, value in measured.items()
            if key != "FORCE_FAILURE"
        }
        verify = stats["VERIFY"]["AMP"].get(name, {})
        row |= {f"{stage}_VERIFY_{test}": passed for test, passed in verify.items()}
        rows.append(row)
    if stats.get("DET"):
        row = {**base, "amplifier": ""}
        numbers = {k: v for k, v in stats["DET"].items() if isinstance(v, int | float)}
        row |= {f"{stage}_DET_{key}": value for key, value in numbers.items()}
        verify = stats["VERIFY"].get("DET", {})
        row |= {
            f"{stage}_DET_VERIFY_{test}": passed
            for test, passed in verify.items()
            if test != "SUCCESS"
        }
        rows.append(row)
    return rows
