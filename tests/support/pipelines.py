"""Run the project's pipelines in the process of a test."""

from pathlib import Path

import numpy as np
from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

import calibrations.pipelines
from calibrations.butler.operations.quanta import Progress, execute
from calibrations.domain.cameras import camera
from calibrations.imaging.defects import DefectBoxes
from calibrations.imaging.frames import CcdImage

PIPELINES = Path(calibrations.pipelines.__file__).parent
INSTRUMENT = "LSSTComCam"
CREATION_TIME = "2026-11-23T16:30:00"
RAWS = f"{INSTRUMENT}/raw/all"
DEFAULT = f"{INSTRUMENT}/calib"
COMBINE_TASK = {
    "cpBias": "cpBiasCombine",
    "cpDark": "cpDarkCombine",
    "cpFlat": "cpFlatCombine",
}


def select(kind, *conditions):
    """Selection of all exposures of a type."""
    return " AND ".join(
        (
            f"instrument='{INSTRUMENT}'",
            f"exposure.observation_type='{kind}'",
            *conditions,
        )
    )


def build_graph(repository, name, *, run, where, inputs=(RAWS, DEFAULT), config=()):
    """Build the graph of a pipeline; returns the executor and the graph."""
    butler = Butler.from_config(
        str(repository), writeable=True, collections=list(inputs), run=run
    )
    executor = SeparablePipelineExecutor(butler, clobber_output=True)
    pipeline = executor.make_pipeline(str(PIPELINES / f"{name}.yaml"))
    if name in COMBINE_TASK:
        pipeline.addConfigOverride(COMBINE_TASK[name], "creationTime", CREATION_TIME)
    for label, field, value in config:
        pipeline.addConfigOverride(label, field, value)
    graph = executor.build_quantum_graph(pipeline, where=where)
    assert len(graph) > 0, f"{name} has nothing to do for {where}"
    return executor, graph


def run_pipeline(repository, name, *, run, where, inputs=(RAWS, DEFAULT), config=()):
    """Run a pipeline to its end; returns the graph."""
    graph, failures = _execute(
        repository, name, run=run, where=where, inputs=inputs, config=config
    )
    assert not failures, "\n".join(one.traceback or one.error for one in failures)
    return graph


def failure_of(repository, name, **options):
    """Run a pipeline that must fail; returns what the task said."""
    _, failures = _execute(repository, name, **options)
    assert failures, f"{name} did not fail"
    return failures[0].error


def _execute(repository, name, *, run, **options):
    """Execute a graph as the portal does, in this process; returns failures too."""
    executor, graph = build_graph(repository, name, run=run, **options)
    executor.pre_execute_qgraph(graph, register_dataset_types=True)
    progress = Progress(graph, lambda event, **more: None, len(graph))
    quanta = list(graph.quantum_only_xgraph)
    with Butler.from_config(str(repository), writeable=True, run=run) as butler:
        execute(butler, graph, str(repository), quanta, progress, None)
    return graph, list(progress.failures.values())


def certify(repository, run, dataset_type, collection):
    """Certify all of a run for ever, and put it first in the default chain."""
    with Butler.from_config(str(repository), writeable=True) as butler:
        butler.collections.register(collection, CollectionType.CALIBRATION)
        refs = butler.query_datasets(dataset_type, collections=run)
        butler.registry.certify(collection, refs, Timespan(None, None))
        butler.collections.prepend_chain(DEFAULT, collection)


def put_bias(repository, detector, truth, *, run="gen/bias"):
    """Write the bias that a detector truly has, in electrons of the camera's gains."""
    chip, image = camera(INSTRUMENT).detector(detector), truth.bias_adu.astype("f4")
    for name, box in chip.amplifier_boxes(image.shape).items():
        pixels = np.s_[box.y0 : box.y1, box.x0 : box.x1]
        image[pixels] *= np.float32(chip.amplifiers[name].gain)
    with Butler.from_config(str(repository), writeable=True, run=run) as butler:
        butler.registry.registerDatasetType(
            DatasetType(
                "bias",
                ("instrument", "detector"),
                "CcdImage",
                universe=butler.dimensions,
                isCalibration=True,
            )
        )
        butler.put(CcdImage(image), "bias", instrument=INSTRUMENT, detector=detector)


def put_defects(repository, detectors, boxes=(), *, run="gen/defects"):
    """Write the same defects, (x0, y0, width, height), for detectors of a camera."""
    columns = np.array(boxes, dtype=np.int64).reshape(-1, 4).T
    with Butler.from_config(str(repository), writeable=True, run=run) as butler:
        butler.registry.registerDatasetType(
            DatasetType(
                "defects",
                ("instrument", "detector"),
                "ArrowAstropy",
                universe=butler.dimensions,
                isCalibration=True,
            )
        )
        for detector in detectors:
            table = DefectBoxes(*columns).to_table()
            butler.put(table, "defects", instrument=INSTRUMENT, detector=detector)
