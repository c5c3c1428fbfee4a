"""Core metrics of a verification run, in the shape analysis_tools writes them.

The JSON is an object of tools; each holds a list of measurements with ``metric``,
``value`` and ``unit``. Units are those of the column, where upstream writes ``adu``
whatever it measures.
"""

import json
import math
from collections import UserDict
from typing import Any, TypedDict

import numpy as np
from astropy.table import Table

__all__ = [
    "CORE_TOOLS",
    "CoreTool",
    "Measurement",
    "MetricMeasurementBundle",
    "core_metrics",
]


class Measurement(TypedDict):
    """One number; None where it could not be measured."""

    metric: str
    value: float | None
    unit: str


class CoreTool(TypedDict):
    """What a tool looks at."""

    column: str
    """Of the results table."""

    unit: str
    label: str


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


def _noise_tools(stage: str) -> dict[str, CoreTool]:
    """Tools that biases and darks have in common."""
    name, column = stage.lower(), stage.upper()
    return {
        f"{name}ReadNoisePerAmp": {
            "column": f"{column}_READ_NOISE_ADU",
            "unit": "adu",
            "label": "noise in the serial overscan",
        },
        f"{name}MeanPerAmp": {
            "column": f"{column}_MEAN",
            "unit": "electron",
            "label": "mean of the residual",
        },
        f"{name}NoisePerAmp": {
            "column": f"{column}_NOISE",
            "unit": "electron",
            "label": "noise of the residual",
        },
        f"{name}CrNoisePerAmp": {
            "column": f"{column}_CR_NOISE",
            "unit": "electron",
            "label": "noise without cosmic rays",
        },
    }


CORE_TOOLS: dict[str, dict[str, CoreTool]] = {
    "Bias": {
        **_noise_tools("Bias"),
        "biasCornerMeanPerAmp": {
            "column": "BIAS_AMP_CORNER",
            "unit": "electron",
            "label": "mean at the readout corner",
        },
    },
    "Dark": {
        **_noise_tools("Dark"),
        "darkMedianPerAmp": {
            "column": "DARK_DARK_DIST_50.0_PCT",
            "unit": "electron/s",
            "label": "median of the combined dark",
        },
        "dark95pPerAmp": {
            "column": "DARK_DARK_DIST_95.0_PCT",
            "unit": "electron/s",
            "label": "95th percentile of the combined dark",
        },
    },
    "Flat": {
        "flatMeanPerAmp": {
            "column": "FLAT_MEAN",
            "unit": "electron",
            "label": "mean of the flattened frame",
        },
        "flatNoisePerAmp": {
            "column": "FLAT_NOISE",
            "unit": "electron",
            "label": "noise of the flattened frame",
        },
        "flatMedianPerAmp": {
            "column": "FLAT_FLAT_DIST_50.0_PCT",
            "unit": "",
            "label": "median of the combined flat",
        },
    },
}
"""By stage and tool; names of biases and darks are those of analysis_tools."""


def core_metrics(stage: str, results: Table) -> MetricMeasurementBundle:
    """Take the median of each tool's column over every amplifier of every exposure."""
    bundle = MetricMeasurementBundle()
    for tool, what in CORE_TOOLS[stage].items():
        values: np.ndarray = np.ma.filled(
            np.ma.asarray(results[what["column"]], float), np.nan
        )
        finite = values[np.isfinite(values)]
        value = float(np.median(finite)) if finite.size else math.nan
        bundle[tool] = [
            {
                "metric": f"{tool}_median",
                "value": value if math.isfinite(value) else None,
                "unit": what["unit"],
            }
        ]
    return bundle
