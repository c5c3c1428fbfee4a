"""Bootstraps: bias, dark and flat in ADU, made before any gain is known.

They serve to find defects in the order that ``cp_pipe`` works in today (``doBootstrap``
of ``IsrTaskLSST``): the gain is 1, so what they hold does not rest on a camera model.
Crosstalk is subtracted where one is certified.
"""

from lsst.daf.butler import DeferredDatasetHandle
from lsst.pipe.base import PipelineTaskConfig, connectionTypes

from calibrations.imaging.isr import IsrSettings, ProcessedFrame
from calibrations.pipelines.applying import BY_DETECTOR, BY_FILTER
from calibrations.pipelines.bias_dark import (
    BiasCombineTask,
    CombineConnections,
    DarkCombineConnections,
    DarkCombineTask,
)
from calibrations.pipelines.configs import ApplyConfig, CombineConfig
from calibrations.pipelines.flats import (
    FlatCombineConnections,
    FlatCombineTask,
    FlatMeasureConnections,
    FlatMeasureTask,
)
from calibrations.pipelines.processing import Calibrations, process_raw

__all__ = [
    "BiasBootstrapTask",
    "DarkBootstrapTask",
    "FlatBootstrapCombineTask",
    "FlatBootstrapMeasureTask",
]


def optional_crosstalk() -> connectionTypes.PrerequisiteInput:
    """Declare crosstalk that is subtracted where there is one."""
    return connectionTypes.PrerequisiteInput(
        name="crosstalk",
        doc="Coefficients between amplifiers.",
        storageClass="ArrowAstropy",
        dimensions=BY_DETECTOR,
        isCalibration=True,
        minimum=0,
    )


class BiasBootstrapConnections(CombineConnections, dimensions=BY_DETECTOR):
    """As for a bias; crosstalk where there is one."""

    crosstalk = optional_crosstalk()


class DarkBootstrapConnections(DarkCombineConnections, dimensions=BY_DETECTOR):
    """As for a dark; crosstalk where there is one."""

    crosstalk = optional_crosstalk()


class FlatBootstrapMeasureConnections(FlatMeasureConnections, dimensions=BY_FILTER):
    """As for a flat; crosstalk where there is one."""

    crosstalk = optional_crosstalk()


class FlatBootstrapCombineConnections(FlatCombineConnections, dimensions=BY_FILTER):
    """As for a flat; crosstalk where there is one."""

    crosstalk = optional_crosstalk()


class BiasBootstrapConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=BiasBootstrapConnections
):
    """Configuration of `BiasBootstrapTask`."""


class DarkBootstrapConfig(
    PipelineTaskConfig, CombineConfig, pipelineConnections=DarkBootstrapConnections
):
    """Configuration of `DarkBootstrapTask`."""


class FlatBootstrapMeasureConfig(
    PipelineTaskConfig, ApplyConfig, pipelineConnections=FlatBootstrapMeasureConnections
):
    """Configuration of `FlatBootstrapMeasureTask`."""


class FlatBootstrapCombineConfig(
    PipelineTaskConfig,
    CombineConfig,
    pipelineConnections=FlatBootstrapCombineConnections,
):
    """Configuration of `FlatBootstrapCombineTask`."""


class BootstrapMixin:
    """Processes raws in ADU."""

    def process(
        self,
        handle: DeferredDatasetHandle,
        calibrations: Calibrations,
        settings: IsrSettings,
    ) -> ProcessedFrame:
        """Remove the signature and take the gains back.

        The header says 1 for them: whoever applies the product brings it to their own.
        """
        frame = process_raw(handle.get(), handle.dataId, calibrations, settings)
        frame = frame.in_adu()
        frame.header["LSST ISR BOOTSTRAP"] = True
        frame.header["LSST ISR GAIN SOURCE"] = "bootstrap"
        frame.header["LSST ISR READNOISE SOURCE"] = "overscan"
        for name, noise_adu in frame.overscan_stdev_adu.items():
            frame.header[f"LSST ISR GAIN {name}"] = 1.0
            frame.header[f"LSST ISR READNOISE {name}"] = float(noise_adu)
        return frame


class BiasBootstrapTask(BootstrapMixin, BiasCombineTask):
    """Combine biases in ADU."""

    ConfigClass = BiasBootstrapConfig
    _DefaultName = "cpBiasBootstrapCombine"
    unit = "adu"


class DarkBootstrapTask(BootstrapMixin, DarkCombineTask):
    """Combine darks in ADU per second.

    The bias is subtracted: upstream's pipeline means to, but its line lacks a word
    (``doBias`` instead of ``config.doBias``) and does nothing.
    """

    ConfigClass = DarkBootstrapConfig
    _DefaultName = "cpDarkBootstrapCombine"
    unit = "adu/s"


class FlatBootstrapMeasureTask(BootstrapMixin, FlatMeasureTask):
    """Measure the level of flats in ADU."""

    ConfigClass = FlatBootstrapMeasureConfig
    _DefaultName = "cpFlatBootstrapMeasure"


class FlatBootstrapCombineTask(BootstrapMixin, FlatCombineTask):
    """Combine flats in ADU, each divided by its brightness."""

    ConfigClass = FlatBootstrapCombineConfig
    _DefaultName = "cpFlatBootstrapCombine"
    scale_unit = "adu"
