"""Bootstraps: bias, dark and flat in ADU, made before any gain is known.

They serve to find defects in the order that ``cp_pipe`` works in today (``doBootstrap``
of ``IsrTaskLSST``): the gain is 1, so what they hold does not rest on a camera model.
Crosstalk is subtracted where one is certified.
"""

from lsst.daf.butler import DeferredDatasetHandle

from calibrations.imaging.isr import IsrSettings, ProcessedFrame
from calibrations.pipelines.bias_dark import (
    BiasCombineConfig,
    BiasCombineTask,
    DarkCombineConfig,
    DarkCombineTask,
)
from calibrations.pipelines.flats import (
    FlatCombineConfig,
    FlatCombineTask,
    FlatMeasureConfig,
    FlatMeasureTask,
)
from calibrations.pipelines.processing import Calibrations, process_raw

__all__ = [
    "BiasBootstrapTask",
    "DarkBootstrapTask",
    "FlatBootstrapCombineTask",
    "FlatBootstrapMeasureTask",
]


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

    ConfigClass = BiasCombineConfig
    _DefaultName = "cpBiasBootstrapCombine"
    unit = "adu"


class DarkBootstrapTask(BootstrapMixin, DarkCombineTask):
    """Combine darks in ADU per second.

    The bias is subtracted: upstream's pipeline means to, but its line lacks a word
    (``doBias`` instead of ``config.doBias``) and does nothing.
    """

    ConfigClass = DarkCombineConfig
    _DefaultName = "cpDarkBootstrapCombine"
    unit = "adu/s"


class FlatBootstrapMeasureTask(BootstrapMixin, FlatMeasureTask):
    """Measure the level of flats in ADU."""

    ConfigClass = FlatMeasureConfig
    _DefaultName = "cpFlatBootstrapMeasure"


class FlatBootstrapCombineTask(BootstrapMixin, FlatCombineTask):
    """Combine flats in ADU, each divided by its brightness."""

    ConfigClass = FlatCombineConfig
    _DefaultName = "cpFlatBootstrapCombine"
    scale_unit = "adu"
