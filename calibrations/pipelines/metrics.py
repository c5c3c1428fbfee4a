"""Core metrics of a verification run, in the shape analysis_tools writes them.

The JSON is an object of tools; each holds a list of measurements with ``metric``,
``value`` and ``unit``. Units are those of the column, where upstream writes ``adu``
whatever it measures.
"""

import json
from collections import UserDict
from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from astropy.table import Table

from calibrations.pipelines.core_tools import PlaneTool

__all__ = ["Measurement", "MetricMeasurementBundle", "core_metrics", "numbers"]


class Measurement(TypedDict):
    """One number; None where it could not be measured."""

    metric: str
    value: float | None
    unit: str


class MetricMeasurementBundle(UserDict[str, list[Measurement]]):
    """Measurements by tool; reads and writes JSON for the Butler."""

    reference_package: str | None = None
    timestamp_version: str | None = None
    dataset_identifier: str | None = None

    def json(self) -> str:
        """Write as analysis_tools does: tools, then what identifies the bundle."""
        document: dict[str, Any] = dict(self.data)
        for name in ("reference_package", "timestamp_version", "dataset_identifier"):
            if getattr(self, name) is not None:
                document[f"__{name}"] = getattr(self, name)
        return json.dumps(document, indent=1, allow_nan=False)

    def model_dump_json(self) -> str:
        """Write under the name the Butler's JSON formatter calls first."""
        return self.json()

    @classmethod
    def model_validate_json(cls, document: bytes | str) -> "MetricMeasurementBundle":
        """Read what `json` wrote."""
        content: dict[str, Any] = json.loads(document)
        bundle = cls()
        for key, value in content.items():
            if key.startswith("__"):
                setattr(bundle, key.removeprefix("__"), value)
            else:
                bundle[key] = value
        return bundle


def core_metrics(
    tools: Mapping[str, PlaneTool], results: Table
) -> MetricMeasurementBundle:
    """Take the median of each tool's column over every amplifier of every exposure.

    A column that the table lacks, or that has no number, gives a metric without value.
    """
    bundle = MetricMeasurementBundle()
    for tool, what in tools.items():
        values = numbers(results, what.column)
        finite = values[np.isfinite(values)]
        bundle[tool] = [
            {
                "metric": f"{tool}_median",
                "value": float(np.median(finite)) if finite.size else None,
                "unit": what.unit,
            }
        ]
    return bundle


def numbers(results: Table, column: str) -> np.ndarray:
    """Give a column as float64, NaN where it is masked or absent altogether."""
    if column not in results.colnames:
        return np.full(len(results), np.nan)
    return np.ma.filled(np.ma.asarray(results[column], float), np.nan)
