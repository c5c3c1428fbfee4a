"""Merge verification over the detectors of an exposure, and over exposures.

The merged dictionaries have the shape of Rubin's ``cp_verify``, and lose nothing:
upstream's run level names only the failures of the exposure as a whole once an
exposure has a test of its own. Failures are read from the long table of tests, which
also says what only warns.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.daf.butler import DatasetRef
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
    connectionTypes,
)

from calibrations.domain.cameras import camera
from calibrations.domain.criteria import evaluate_all, succeeded
from calibrations.pipelines.tables import (
    failures,
    outcome_row,
    outcomes_table,
    stack_tables,
    table_from_rows,
)
from calibrations.pipelines.verify import verdicts

__all__ = [
    "MergeExposureConfig",
    "MergeExposureTask",
    "MergeFilterRunConfig",
    "MergeFilterRunTask",
    "MergeRunConfig",
    "MergeRunTask",
]

DETECTOR = ("instrument", "exposure", "detector")
EXPOSURE = ("instrument", "exposure")
RUN = ("instrument",)
FILTER_RUN = ("instrument", "physical_filter")
STAGE = {"stage": "Bias"}


class MergeExposureConnections(
    PipelineTaskConnections, dimensions=EXPOSURE, defaultTemplates=STAGE
):
    """Detectors in, the exposure out."""

    inputResults = connectionTypes.Input(
        name="verify{stage}DetResults",
        doc="Results of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}DetTests",
        doc="Tests of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    inputMatrix = connectionTypes.Input(
        name="verify{stage}DetMatrix",
        doc="Correlation of the amplifiers of one detector.",
        storageClass="ArrowAstropy",
        dimensions=DETECTOR,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}ExpStats",
        doc="Success and failures, by detector.",
        storageClass="StructuredDataDict",
        dimensions=EXPOSURE,
    )
    results = connectionTypes.Output(
        name="verify{stage}ExpResults",
        doc="Results of all detectors.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )
    tests = connectionTypes.Output(
        name="verify{stage}ExpTests",
        doc="Tests of all detectors and of the exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )
    matrix = connectionTypes.Output(
        name="verify{stage}ExpMatrix",
        doc="Correlation of amplifiers, all detectors.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
    )

    def __init__(self, *, config: Any = None) -> None:
        drop_matrix(self, config)


class MergeRunConnections(
    PipelineTaskConnections, dimensions=RUN, defaultTemplates=STAGE
):
    """Exposures in, the run out."""

    inputResults = connectionTypes.Input(
        name="verify{stage}ExpResults",
        doc="Results of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    inputTests = connectionTypes.Input(
        name="verify{stage}ExpTests",
        doc="Tests of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    inputMatrix = connectionTypes.Input(
        name="verify{stage}ExpMatrix",
        doc="Correlation of amplifiers of one exposure.",
        storageClass="ArrowAstropy",
        dimensions=EXPOSURE,
        multiple=True,
    )
    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by exposure.",
        storageClass="StructuredDataDict",
        dimensions=RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )
    matrix = connectionTypes.Output(
        name="verify{stage}Matrix",
        doc="Correlation of amplifiers, all exposures.",
        storageClass="ArrowAstropy",
        dimensions=RUN,
    )

    def __init__(self, *, config: Any = None) -> None:
        drop_matrix(self, config)


class MergeFilterRunConnections(
    MergeRunConnections, dimensions=FILTER_RUN, defaultTemplates=STAGE
):
    """As `MergeRunConnections`, for each filter."""

    stats = connectionTypes.Output(
        name="verify{stage}Stats",
        doc="Success and failures, by exposure.",
        storageClass="StructuredDataDict",
        dimensions=FILTER_RUN,
    )
    results = connectionTypes.Output(
        name="verify{stage}Results",
        doc="Results of all exposures.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )
    tests = connectionTypes.Output(
        name="verify{stage}Tests",
        doc="Every test of the run, with value and limit.",
        storageClass="ArrowAstropy",
        dimensions=FILTER_RUN,
    )


def drop_matrix(connections: PipelineTaskConnections, config: Any) -> None:
    """Only biases have a matrix."""
    if config.connections.stage != "Bias":
        del connections.inputMatrix
        del connections.matrix


class MergeExposureConfig(
    PipelineTaskConfig, pipelineConnections=MergeExposureConnections
):
    """Configuration of `MergeExposureTask`."""


class MergeRunConfig(PipelineTaskConfig, pipelineConnections=MergeRunConnections):
    """Configuration of `MergeRunTask`."""


class MergeFilterRunConfig(
    PipelineTaskConfig, pipelineConnections=MergeFilterRunConnections
):
    """Configuration of `MergeFilterRunTask`."""


class MergeTask(PipelineTask):
    """Stack tables and list what failed."""

    dimension: str

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read in the order of the dimension merged over, write."""
        tests_refs = self._ordered(inputRefs.inputTests)
        instrument = str(tests_refs[0].dataId["instrument"])
        ids = [int(ref.dataId[self.dimension]) for ref in tests_refs]
        tests = [butlerQC.get(ref) for ref in tests_refs]
        results = [butlerQC.get(ref) for ref in self._ordered(inputRefs.inputResults)]
        outputs = self.run(instrument, ids, tests, results)
        if hasattr(inputRefs, "inputMatrix"):
            refs = self._ordered(inputRefs.inputMatrix)
            outputs.matrix = stack_tables(butlerQC.get(ref) for ref in refs)
        butlerQC.put(outputs, outputRefs)

    def run(
        self,
        instrument: str,
        ids: Sequence[int],
        tests: Sequence[Table],
        results: Sequence[Table],
    ) -> Struct:
        """Merge; tables come in the order of ``ids``."""
        raise NotImplementedError

    def _ordered(self, refs: Iterable[DatasetRef]) -> list[DatasetRef]:
        return sorted(refs, key=lambda ref: int(ref.dataId[self.dimension]))


class MergeExposureTask(MergeTask):
    """Merge the detectors of an exposure, and judge the exposure as a whole."""

    ConfigClass = MergeExposureConfig
    _DefaultName = "cpVerifyExpMerge"
    dimension = "detector"

    def run(
        self,
        instrument: str,
        ids: Sequence[int],
        tests: Sequence[Table],
        results: Sequence[Table],
    ) -> Struct:
        """Merge detectors under their names."""
        names = detector_names(instrument)
        stats: dict[str, Any] = {
            names[detector]: summary(table)
            for detector, table in zip(ids, tests, strict=True)
        }
        success = all(child["SUCCESS"] for child in stats.values())
        stage = self.config.connections.stage.upper()
        all_tests, all_results = stack_tables(tests), stack_tables(results)
        exposure = int(all_results["exposure"][0])
        measured = exposure_statistics(stage, all_results)
        outcomes = evaluate_all(stage, "EXP", measured)
        if outcomes:
            verify = verdicts(outcomes)
            verify.pop("SUCCESS")
            stats |= {"EXP": measured, "VERIFY": {"EXP": verify}}
            success &= succeeded(outcomes)
            rows = outcomes_table(
                [outcome_row(outcome, exposure) for outcome in outcomes]
            )
            all_tests = stack_tables([all_tests, rows])
            row = exposure_row(instrument, exposure, stage, measured, verify)
            all_results = stack_tables([all_results, table_from_rows([row])])
        stats["SUCCESS"] = success
        return Struct(stats=stats, results=all_results, tests=all_tests)


class MergeRunTask(MergeTask):
    """Merge the exposures of a run."""

    ConfigClass = MergeRunConfig
    _DefaultName = "cpVerifyRunMerge"
    dimension = "exposure"

    def run(
        self,
        instrument: str,
        ids: Sequence[int],
        tests: Sequence[Table],
        results: Sequence[Table],
    ) -> Struct:
        """Merge exposures under their ids."""
        names = detector_names(instrument)
        stats: dict[Any, Any] = {
            exposure: summary(table, names)
            for exposure, table in zip(ids, tests, strict=True)
        }
        stats["SUCCESS"] = all(child["SUCCESS"] for child in stats.values())
        return Struct(
            stats=stats, results=stack_tables(results), tests=stack_tables(tests)
        )


class MergeFilterRunTask(MergeRunTask):
    """Merge the exposures of a run, filter by filter."""

    ConfigClass = MergeFilterRunConfig
    _DefaultName = "cpVerifyRunMergeByFilter"


def detector_names(instrument: str) -> dict[int, str]:
    """Names of an instrument's detectors, by id."""
    return {detector.id: detector.name for detector in camera(instrument).detectors}


def summary(tests: Table, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """``SUCCESS``, with ``FAILURES`` and ``WARNINGS`` where there are any."""
    failed, warned = failures(tests, names)
    child: dict[str, Any] = {"SUCCESS": not failed}
    if failed:
        child["FAILURES"] = failed
    if warned:
        child["WARNINGS"] = warned
    return child


def exposure_statistics(stage: str, results: Table) -> dict[str, float]:
    """Mean and scatter (population) of the detector means, for stages with them."""
    column = f"{stage}_DET_MEAN"
    if column not in results.colnames:
        return {}
    means = np.asarray(np.ma.filled(results[column].astype(float), np.nan))
    means = means[np.isfinite(means)]
    if not means.size:
        return {"MEAN": float("nan"), "SCATTER": float("nan")}
    return {"MEAN": float(means.mean()), "SCATTER": float(means.std())}


def exposure_row(
    instrument: str,
    exposure: int,
    stage: str,
    measured: Mapping[str, float],
    verify: Mapping[str, bool],
) -> dict[str, Any]:
    """Row of the exposure itself; its columns begin in lower case, as upstream's do."""
    prefix = stage.lower()
    row: dict[str, Any] = {
        "instrument": instrument,
        "exposure": exposure,
        "detector": -1,
        "amplifier": "",
    }
    row |= {f"{prefix}_{name}": value for name, value in measured.items()}
    row |= {f"{prefix}_VERIFY_{test}": passed for test, passed in verify.items()}
    return row
