"""A small pipeline of real PipelineTasks, for tests of what runs pipelines."""

import time

import lsst.pex.config as pex_config
import numpy as np
from lsst.pipe.base import (
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    Struct,
    connectionTypes,
)

from calibrations.imaging.frames import CcdImage

PIPELINE = """
description: Average the raws of each detector, then count the averages.
instrument: calibrations.butler.instruments.LsstComCam
tasks:
  tinyAverage:
    class: tests.support.tiny.TinyAverageTask
  tinyCount:
    class: tests.support.tiny.TinyCountTask
"""


class TinyAverageConnections(
    PipelineTaskConnections, dimensions=("instrument", "detector")
):
    raws = connectionTypes.Input(
        name="raw",
        doc="Raws of a detector.",
        storageClass="CcdRaw",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    average = connectionTypes.Output(
        name="bias",
        doc="Their average.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )


class TinyAverageConfig(PipelineTaskConfig, pipelineConnections=TinyAverageConnections):
    failing = pex_config.ListField(dtype=int, default=[], doc="Detectors that fail.")
    silent = pex_config.ListField(dtype=int, default=[], doc="Detectors not written.")
    # Names as pex_config has them.
    sleepS = pex_config.Field(dtype=float, default=0.0, doc="Time.")  # noqa: N815
    creationTime = pex_config.Field(dtype=str, default="", doc="Date.")  # noqa: N815


class TinyAverageTask(PipelineTask):
    """Average amplifiers, as they were read."""

    ConfigClass = TinyAverageConfig
    _DefaultName = "tinyAverage"

    def runQuantum(self, butlerQC, inputRefs, outputRefs):
        detector = butlerQC.quantum.dataId["detector"]
        raws = [handle.get() for handle in butlerQC.get(inputRefs.raws)]
        time.sleep(self.config.sleepS)
        if detector in self.config.failing:
            raise ValueError(f"Detector {detector} was told to fail")
        frames = [
            np.concatenate([a.data for a in raw.amplifiers.values()]) for raw in raws
        ]
        image = CcdImage(
            data=np.mean(frames, axis=0, dtype=np.float64).astype(np.float32),
            mask=None,
            variance=None,
            header={"BUNIT": "adu", "TINYDATE": self.config.creationTime},
        )
        if detector not in self.config.silent:
            butlerQC.put(Struct(average=image), outputRefs)


class TinyCountConnections(PipelineTaskConnections, dimensions=("instrument",)):
    averages = connectionTypes.Input(
        name="bias",
        doc="Averages.",
        storageClass="CcdImage",
        dimensions=("instrument", "detector"),
        multiple=True,
        deferLoad=True,
        isCalibration=True,
    )
    count = connectionTypes.Output(
        name="tinyCount",
        doc="Their number.",
        storageClass="StructuredDataDict",
        dimensions=("instrument",),
    )


class TinyCountConfig(PipelineTaskConfig, pipelineConnections=TinyCountConnections):
    pass


class TinyCountTask(PipelineTask):
    """Count the averages."""

    ConfigClass = TinyCountConfig
    _DefaultName = "tinyCount"

    def run(self, averages):
        return Struct(count={"averages": len(averages)})
