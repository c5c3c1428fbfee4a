"""Run the project's pipelines in the process of a test."""

from pathlib import Path

import numpy as np
import pytest
from lsst.daf.butler import Butler, CollectionType, DatasetType, Timespan
from lsst.pipe.base.mp_graph_executor import MPGraphExecutorError
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

import calibrations.pipelines
from calibrations.imaging.defects import DefectBoxes

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
    executor, graph = build_graph(
        repository, name, run=run, where=where, inputs=inputs, config=config
    )
    executor.pre_execute_qgraph(graph, register_dataset_types=True)
    executor.run_pipeline(graph)
    return graph


def failure_of(repository, name, **options):
    """Run a pipeline that must fail; returns what the task said."""
    executor, graph = build_graph(repository, name, **options)
    executor.pre_execute_qgraph(graph, register_dataset_types=True)
    with pytest.raises(MPGraphExecutorError) as failure:
        executor.run_pipeline(graph, fail_fast=True)
    return str(failure.value.__cause__)


def certify(repository, run, dataset_type, collection):
    """Certify all of a run for ever, and put it first in the default chain."""
    with Butler.from_config(str(repository), writeable=True) as butler:
        butler.collections.register(collection, CollectionType.CALIBRATION)
        refs = butler.query_datasets(dataset_type, collections=run)
        butler.registry.certify(collection, refs, Timespan(None, None))
        butler.collections.prepend_chain(DEFAULT, collection)


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
