"""What each analysis of verification measures and draws, as data.

Names of analyses, tools and columns are those of analysis_tools (``cpCore.yaml`` and
``cpExtended.yaml``); an analysis or tool of our own says so. Labels and units are the
columns' own, where upstream calls everything ADU.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["ANALYSES", "Analysis", "GridTool", "PlaneTool"]


@dataclass(frozen=True)
class PlaneTool:
    """A number for each amplifier: one metric, and a picture of the focal plane."""

    column: str
    """Of the results table."""

    unit: str
    label: str


@dataclass(frozen=True)
class GridTool:
    """A panel for each amplifier of one detector."""

    kind: Literal["points", "tests", "profile", "histogram"]
    """Points of one column against another (numbers or vectors), tests against dates,
    a vector along its index, or the distribution of a vector's values."""

    columns: tuple[str, ...]
    """What is drawn: one column, or one for each test."""

    label: str
    """Of the y axis, with unit; of the x axis in a histogram."""

    against: str = "mjd"
    against_label: str = "date (MJD)"


@dataclass(frozen=True)
class Analysis:
    """One task: a table in, metrics and plots out."""

    planes: Mapping[str, PlaneTool] = field(default_factory=dict)
    grids: Mapping[str, GridTool] = field(default_factory=dict)


def _noise_planes(stage: str) -> dict[str, PlaneTool]:
    """Tools that biases and darks have in common."""
    name, column = stage.lower(), stage.upper()
    return {
        f"{name}ReadNoisePerAmp": PlaneTool(
            f"{column}_READ_NOISE_ADU", "adu", "noise in the serial overscan"
        ),
        f"{name}MeanPerAmp": PlaneTool(
            f"{column}_MEAN", "electron", "mean of the residual"
        ),
        f"{name}NoisePerAmp": PlaneTool(
            f"{column}_NOISE", "electron", "noise of the residual"
        ),
        f"{name}CrNoisePerAmp": PlaneTool(
            f"{column}_CR_NOISE", "electron", "noise without cosmic rays"
        ),
    }


def _date_grids(stage: str) -> dict[str, GridTool]:
    """Trends that biases and darks have in common."""
    name, column = stage.lower(), stage.upper()
    tests = ("MEAN", "NOISE", "CR_NOISE", "READ_NOISE_CONSISTENT")
    return {
        f"{name}MeanByDate": GridTool(
            "points", (f"{column}_MEAN",), f"mean of the residual {name} (electron)"
        ),
        f"{name}StdByDate": GridTool(
            "points", (f"{column}_NOISE",), f"noise of the residual {name} (electron)"
        ),
        f"{name}TestsByDate": GridTool(
            "tests",
            tuple(f"{column}_VERIFY_{test}" for test in tests),
            "tests that passed (dots) and failed (crosses)",
        ),
    }


def _extremes(stage: str, unit: str) -> dict[str, PlaneTool]:
    """Least and greatest pixel of the combined calibration."""
    name, column = stage.lower(), stage.upper()
    return {
        f"{name}{what}PerAmp": PlaneTool(
            f"{column}_{column}_DIST_{level}_PCT",
            unit,
            f"{word} of the combined {name}",
        )
        for what, level, word in (
            ("Minimum", "0.0", "minimum"),
            ("Maximum", "100.0", "maximum"),
        )
    }


def _diagnostics(stage: str, *tools: tuple[str, str, str, str]) -> dict[str, PlaneTool]:
    """Name what the camera team's ``eo_pipe`` measures: ours, not analysis_tools'."""
    return {
        f"{stage.lower()}{name}PerAmp": PlaneTool(
            f"{stage.upper()}_EO_{column}", unit, label
        )
        for name, column, unit, label in tools
    }


def _shifts(stage: str) -> dict[str, PlaneTool]:
    return {
        f"{stage.lower()}ShiftCountPerAmp": PlaneTool(
            f"{stage.upper()}_BIAS_SHIFT_COUNT", "", "jumps of the overscan level"
        )
    }


def _profiles(stage: str) -> dict[str, GridTool]:
    """Profiles along and across the columns, as lines and as distributions."""
    grids: dict[str, GridTool] = {}
    for way, axis in (("Serial", "column"), ("Parallel", "row")):
        column = f"{stage.upper()}_{way.upper()}_PROF"
        grids[f"amp{stage}{way}ProfileScatter"] = GridTool(
            "profile",
            (column,),
            f"mean of each {axis} (electron)",
            against="",
            against_label=f"{axis} (pixel)",
        )
        grids[f"amp{stage}{way}ProfileHist"] = GridTool(
            "histogram", (column,), f"mean of a {axis} (electron)", against=""
        )
    return grids


_FLAT_TESTS = GridTool(
    "tests",
    ("FLAT_VERIFY_NOISE", "FLAT_VERIFY_PROCESSING"),
    "tests that passed (dots) and failed (crosses)",
)


def _transfer(state: str, words: str) -> GridTool:
    return GridTool(
        "points",
        (f"PTC_PTC_{state}_VARIANCE",),
        f"{words} variance (adu²)",
        against=f"PTC_PTC_{state}_MEANS",
        against_label=f"{words} mean (adu)",
    )


ANALYSES: Mapping[str, Analysis] = {
    "cpBiasCore": Analysis(
        planes={
            **_noise_planes("Bias"),
            "biasCornerMeanPerAmp": PlaneTool(
                "BIAS_AMP_CORNER", "electron", "mean at the readout corner"
            ),
        }
    ),
    "cpBiasDetCore": Analysis(
        grids={
            **_date_grids("Bias"),
            "biasROCornerByDate": GridTool(
                "points", ("BIAS_AMP_CORNER",), "mean at the readout corner (electron)"
            ),
        }
    ),
    "cpBiasExtended": Analysis(
        planes={
            **_extremes("Bias", "electron"),
            **_shifts("Bias"),
            **_diagnostics(
                "Bias",
                ("EoReadNoise", "READ_NOISE_ADU", "adu", "noise in overscan boxes"),
            ),
        },
        grids=_profiles("Bias"),
    ),
    "cpDarkCore": Analysis(
        planes={
            **_noise_planes("Dark"),
            "darkMedianPerAmp": PlaneTool(
                "DARK_DARK_DIST_50.0_PCT", "electron/s", "median of the combined dark"
            ),
            "dark95pPerAmp": PlaneTool(
                "DARK_DARK_DIST_95.0_PCT",
                "electron/s",
                "95th percentile of the combined dark",
            ),
        }
    ),
    "cpDarkDetCore": Analysis(grids=_date_grids("Dark")),
    # Shifts and profiles of darks and flats are ours; upstream has biases' only.
    "cpDarkExtended": Analysis(
        planes={
            **_extremes("Dark", "electron/s"),
            **_shifts("Dark"),
            **_diagnostics(
                "Dark",
                ("BrightColumns", "BRIGHT_COLUMNS", "", "bright columns"),
                ("BrightPixels", "BRIGHT_PIXELS", "", "bright pixels"),
            ),
        },
        grids=_profiles("Dark"),
    ),
    "cpFlatCore": Analysis(
        planes={
            "flatMeanPerAmp": PlaneTool(
                "FLAT_MEAN", "electron", "mean of the flattened frame"
            ),
            "flatNoisePerAmp": PlaneTool(
                "FLAT_NOISE", "electron", "noise of the flattened frame"
            ),
            "flatMedianPerAmp": PlaneTool(
                "FLAT_FLAT_DIST_50.0_PCT", "", "median of the combined flat"
            ),
        }
    ),
    "cpFlatDetCore": Analysis(grids={"flatTestsByDate": _FLAT_TESTS}),
    "cpFlatDetMergeCore": Analysis(
        grids={
            "flatTestsByDate": _FLAT_TESTS,
            "flatMeansByDate": GridTool(
                "points", ("FLAT_MEAN",), "mean of the flattened frame (electron)"
            ),
            "flatNoiseByDate": GridTool(
                "points", ("FLAT_NOISE",), "noise of the flattened frame (electron)"
            ),
            "flatNoiseByMean": GridTool(
                "points",
                ("FLAT_NOISE",),
                "noise of the flattened frame (electron)",
                against="FLAT_MEAN",
                against_label="mean of the flattened frame (electron)",
            ),
        }
    ),
    "cpFlatExtended": Analysis(
        planes={
            **_extremes("Flat", ""),
            **_shifts("Flat"),
            **_diagnostics(
                "Flat",
                ("DarkColumns", "DARK_COLUMNS", "", "dark columns"),
                ("DarkPixels", "DARK_PIXELS", "", "dark pixels"),
                ("Tearing", "TEARING", "", "step at borders of amplifiers"),
                ("RowMeans", "ROW_MEANS_VARIANCE_RATIO", "", "variance of row means"),
                ("SerialEper", "SERIAL_EPER", "", "serial EPER"),
                ("ParallelEper", "PARALLEL_EPER", "", "parallel EPER"),
            ),
        },
        grids=_profiles("Flat"),
    ),
    "cpPtcCore": Analysis(
        planes={
            "ptcGainPerAmp": PlaneTool("PTC_PTC_GAIN", "electron/adu", "gain"),
            "ptcNoisePerAmp": PlaneTool("PTC_PTC_NOISE", "electron", "read noise"),
            "ptcA00PerAmp": PlaneTool("PTC_PTC_BFE_A00", "1/electron", "a00"),
            "ptcTurnoffPerAmp": PlaneTool("PTC_PTC_TURNOFF", "adu", "turnoff"),
            "ptcMaxPerAmp": PlaneTool(
                "PTC_PTC_MAX_RAW_MEANS", "adu", "greatest mean of a pair"
            ),
            "ptcRowMeanVarianceSlopePerAmp": PlaneTool(
                "PTC_PTC_ROW_MEAN_VARIANCE_SLOPE", "", "slope of the rows' variance"
            ),
        }
    ),
    "cpPtcDetCore": Analysis(
        grids={
            "ptcPlot": _transfer("FINAL", "accepted"),
            "rawPtcPlot": _transfer("RAW", "measured"),
        }
    ),
    "cpDefectCore": Analysis(
        planes={
            "defectsPixels": PlaneTool(
                "DEFECTS_DEFECT_PIXELS", "pixel", "pixels masked"
            ),
            "defectsPixelsFrac": PlaneTool(
                "DEFECTS_FRAC", "", "share of pixels masked"
            ),
            "defectsHotPixels": PlaneTool("DEFECTS_N_HOT", "pixel", "hot pixels"),
            "defectsColdPixels": PlaneTool("DEFECTS_N_COLD", "pixel", "cold pixels"),
        }
    ),
    # Ours from here: upstream has none, or has them commented out.
    "cpGainCore": Analysis(
        planes={
            "gainFromFlatPairPerAmp": PlaneTool(
                "GAIN_GAIN_FROM_FLAT_PAIR", "electron/adu", "gain of flat pairs"
            ),
            "gainIsrNoisePerAmp": PlaneTool(
                "GAIN_ISR_NOISE", "electron", "read noise of the overscan"
            ),
        }
    ),
    "cpLinearizerCore": Analysis(
        planes={
            "linearizerMaxResidualPerAmp": PlaneTool(
                "LINEARITY_MAX_RESIDUAL", "percent", "greatest correction left"
            ),
            "linearizerFitResidualPerAmp": PlaneTool(
                "LINEARITY_FIT_RESIDUAL", "percent", "scatter about proportionality"
            ),
        }
    ),
    "cpCrosstalkCore": Analysis(
        planes={
            "crosstalkMaxPullPerAmp": PlaneTool(
                "CROSSTALK_MAX_PULL", "", "greatest coefficient left, over its error"
            )
        }
    ),
    "cpBfkCore": Analysis(
        planes={
            "bfkNeighbourBeforePerAmp": PlaneTool(
                "BFK_NEIGHBOUR_BEFORE", "1/electron", "covariance of neighbours"
            ),
            "bfkNeighbourAfterPerAmp": PlaneTool(
                "BFK_NEIGHBOUR_AFTER", "1/electron", "covariance left, corrected"
            ),
            "bfkVarianceRatioPerAmp": PlaneTool(
                "BFK_VARIANCE_RATIO_AFTER", "", "variance over that of photons"
            ),
        }
    ),
    "cpCtiCore": Analysis(
        planes={
            "ctiSerialEperPerAmp": PlaneTool(
                "CTI_SERIAL_EPER", "", "serial EPER left once corrected"
            ),
            "ctiParallelEperPerAmp": PlaneTool(
                "CTI_PARALLEL_EPER", "", "parallel EPER"
            ),
            "ctiGlobalPerAmp": PlaneTool("CTI_GLOBAL_CTI", "", "global CTI"),
            "ctiDriftScalePerAmp": PlaneTool(
                "CTI_DRIFT_SCALE", "", "strength of the local offset"
            ),
        }
    ),
    "cpFringeCore": Analysis(
        planes={
            "fringeAmplitudeBeforePerAmp": PlaneTool(
                "FRINGE_AMPLITUDE_BEFORE", "", "structure of the sky"
            ),
            "fringeAmplitudeAfterPerAmp": PlaneTool(
                "FRINGE_AMPLITUDE_AFTER", "", "structure left once subtracted"
            ),
        }
    ),
}
"""By output name: the datasets are ``{output}_metrics``,
``{output}_{tool}_FocalPlaneGeometryPlot`` and ``{output}_{tool}_GridPlot``."""
