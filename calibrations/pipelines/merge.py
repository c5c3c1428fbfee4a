"""Merge verification over the detectors of an exposure, and over exposures.

What is verified without an exposure, such as a photon transfer curve, is merged over
detectors straight into the run; its rows carry exposure 0.

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
    QuantumContext,
    Struct,
)

from calibrations.domain.cameras import camera
from calibrations.domain.criteria import evaluate_all, stage_of, succeeded
from calibrations.domain.merged_stats import child_stats
from calibrations.pipelines.judging import verdicts
from calibrations.pipelines.merge_configs import (
    MergeDetectorFilterRunConfig,
    MergeDetectorRunConfig,
    MergeExposureConfig,
    MergeFilterRunConfig,
    MergeRunConfig,
)
from calibrations.pipelines.tables import (
    outcome_row,
    outcomes_table,
    stack_tables,
    table_from_rows,
)

__all__ = [
    "MergeDetectorFilterRunTask",
    "MergeDetectorRunTask",
    "MergeExposureTask",
    "MergeFilterRunTask",
    "MergeRunTask",
]


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
        stage = stage_of(self.config.connections.stage)
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


class MergeDetectorRunTask(MergeTask):
    """Merge the detectors of a calibration that is verified without exposures."""

    ConfigClass = MergeDetectorRunConfig
    _DefaultName = "cpVerifyCalibMerge"
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
        stats["SUCCESS"] = all(child["SUCCESS"] for child in stats.values())
        return Struct(
            stats=stats, results=stack_tables(results), tests=stack_tables(tests)
        )


class MergeDetectorFilterRunTask(MergeDetectorRunTask):
    """The same for a calibration of each filter."""

    ConfigClass = MergeDetectorFilterRunConfig
    _DefaultName = "cpVerifyCalibMergeByFilter"


def detector_names(instrument: str) -> dict[int, str]:
    """Names of an instrument's detectors, by id."""
    return {detector.id: detector.name for detector in camera(instrument).detectors}


def summary(tests: Table, names: Mapping[int, str] | None = None) -> dict[str, Any]:
    """``SUCCESS``, with ``FAILURES`` and ``WARNINGS`` where there are any."""
    return child_stats(tests[~np.asarray(tests["passed"], dtype=bool)], names)


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
