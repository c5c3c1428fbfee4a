"""Which calibrations a task applies: a choice of its configuration.

A pipeline of one dependency graph applies others than the same task in another graph:
``applies`` names them, and only these become inputs of the quantum.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from lsst.pipe.base import PipelineTaskConnections, connectionTypes

from calibrations.pipelines.configs import APPLICABLE

__all__ = [
    "ApplyConnections",
    "ApplyFilterConnections",
    "RawInputConnections",
    "RawInputFilterConnections",
    "calibration_input",
    "raws_input",
]

BY_DETECTOR = ("instrument", "detector")
BY_FILTER = ("instrument", "detector", "physical_filter")


def calibration_input(
    name: str, doc: str, storage: str, dimensions: Sequence[str] = BY_DETECTOR
) -> connectionTypes.PrerequisiteInput:
    """Declare a calibration that is looked up at the time of the exposures."""
    return connectionTypes.PrerequisiteInput(
        name=name,
        doc=doc,
        storageClass=storage,
        dimensions=dimensions,
        isCalibration=True,
    )


def raws_input() -> connectionTypes.Input:
    """Declare the raw exposures that a calibration is made from."""
    return connectionTypes.Input(
        name="raw",
        doc="Raw exposures of one detector.",
        storageClass="CcdRaw",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )


class ApplyConnections(PipelineTaskConnections, dimensions=BY_DETECTOR):
    """Calibrations that the configuration names; the others are no inputs.

    Those of ``applies`` must be there, those of ``appliesIfThere`` may.
    """

    ptc = calibration_input("ptc", "Gains, read noise and turnoff.", "ArrowAstropy")
    crosstalk = calibration_input(
        "crosstalk", "Coefficients between amplifiers.", "ArrowAstropy"
    )
    linearizer = calibration_input(
        "linearizer", "Linearity of each amplifier.", "ArrowAstropy"
    )
    cti = calibration_input("cti", "Deferred charge.", "ArrowAstropy")
    bias = calibration_input("bias", "Bias to subtract.", "CcdImage")
    dark = calibration_input(
        "dark", "Dark to subtract, times the dark time.", "CcdImage"
    )
    defects = calibration_input("defects", "Defects to mask.", "ArrowAstropy")
    bfk = calibration_input("bfk", "Brighter-fatter kernels.", "ArrowAstropy")

    def __init__(self, *, config: Any = None) -> None:
        for kind in APPLICABLE:
            if not hasattr(self, kind) or kind in config.applies:
                continue
            if kind in config.appliesIfThere:
                optional = dataclasses.replace(getattr(self, kind), minimum=0)
                setattr(self, kind, optional)
            else:
                delattr(self, kind)


class ApplyFilterConnections(ApplyConnections, dimensions=BY_FILTER):
    """The same where the filter is known: a flat as well."""

    flat = calibration_input("flat", "Flat to divide by.", "CcdImage", BY_FILTER)


class RawInputConnections(ApplyConnections, dimensions=BY_DETECTOR):
    """Raws of one detector, and what is applied to them."""

    raws = raws_input()

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Calibrations are looked up at the time of the raws."""
        return ["raws"]


class RawInputFilterConnections(ApplyFilterConnections, dimensions=BY_FILTER):
    """Raws of one detector and filter, and what is applied to them."""

    raws = raws_input()

    def getTemporalBoundsConnections(self) -> Sequence[str]:
        """Calibrations are looked up at the time of the raws."""
        return ["raws"]
