"""How many results of a report passed and failed, each counted once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from reports.domain.verdicts import Counts
from reports.models import VerificationReport
from reports.services.geometry import detector_names
from reports.services.values import read_index
from taxicab.errors import NotFoundError

__all__ = [
    "ClusterCounts",
    "RollUp",
    "Tally",
    "count_clusters",
    "count_stage",
    "roll_up",
    "tally",
]


@dataclass(frozen=True)
class RollUp:
    """How many results passed and failed at one type, raft or detector."""

    name: str
    n_passed: int
    n_failed: int
    n_advisory: int
    n_unmeasured: int = 0
    missing: str = ""
    address: str = ""

    @property
    def state(self) -> str:
        """Verdict of what is added up."""
        if self.n_failed:
            return "failed"
        if self.missing or self.n_unmeasured:
            return "missing"
        if self.n_advisory:
            return "warning"
        return "passed" if self.n_passed else "no tests"


@dataclass(frozen=True)
class Tally(Counts):
    """Results of a report, each counted once: the numbers add up to all of them."""

    waived: int = 0


@dataclass(frozen=True)
class ClusterCounts:
    """How many rows there are, and how many of them decide nothing."""

    all: int
    advisory: int

    @property
    def deciding(self) -> int:
        """Those that the board decides on."""
        return self.all - self.advisory


def count_clusters(report: VerificationReport) -> ClusterCounts:
    """Count the clusters of failures of all types, advice apart."""
    advisory = [
        cluster["is_advisory"]
        for stage in report.summary.get("stages", ())
        for cluster in stage.get("clusters", ())
    ]
    return ClusterCounts(len(advisory), sum(advisory))


def count_stage(stage: Mapping[str, Any]) -> Counts:
    """Count a stage's results, each once; of reports of format 1 as well."""
    counts = Counts(**{one.name: stage["counts"][one.name] for one in fields(Counts)})
    known = counts.passed + counts.failed + counts.warnings + counts.unmeasured
    if known == counts.results:
        return counts
    gone = {True: 0, False: 0}
    for line in stage.get("lines", ()):
        gone[line["is_advisory"]] += line["n_unmeasured"]
    return replace(
        counts,
        failed=counts.failed - gone[False],
        warnings=counts.warnings - gone[True],
    )


def tally(
    report: VerificationReport, *, waived: int = 0, waived_unmeasured: int = 0
) -> Tally:
    """Add up the results of all types, each counted once.

    Parameters
    ----------
    waived, waived_unmeasured
        Failures and results without a number that somebody answered for: they are
        counted as waived instead.
    """
    counts = [count_stage(stage) for stage in report.summary.get("stages", ())]
    sums = {f.name: sum(getattr(c, f.name) for c in counts) for f in fields(Counts)}
    failed, unmeasured = sums["failed"] - waived, sums["unmeasured"] - waived_unmeasured
    # A row of a report of format 1 may hold both: what one side lacks the other has.
    failed, unmeasured = failed + min(unmeasured, 0), unmeasured + min(failed, 0)
    return Tally(
        results=sums["results"],
        passed=sums["passed"],
        failed=max(failed, 0),
        warnings=sums["warnings"],
        unmeasured=max(unmeasured, 0),
        waived=waived + waived_unmeasured,
    )


def roll_up(report: VerificationReport) -> dict[str, list[RollUp]]:
    """Add results up by type, raft and detector; the worst first, types in order."""
    stages = report.summary.get("stages", ())
    types = [_type(stage) for stage in stages]
    names = detector_names(report.ticket.instrument_id)
    detectors: dict[int, list[int]] = {}
    for stage in stages:
        for detector, *counts in _detector_counts(report, stage["key"]):
            if detector >= 0:
                sums = detectors.setdefault(detector, [0, 0, 0, 0])
                for i, count in enumerate(counts):
                    sums[i] += count
    rafts: dict[str, list[int]] = {}
    for detector, counts in detectors.items():
        raft = names.get(detector, "").partition("_")[0]
        if raft:
            sums = rafts.setdefault(raft, [0, 0, 0, 0])
            for i, count in enumerate(counts):
                sums[i] += count
    return {
        "types": types,
        "rafts": _worst_first(rafts.items()),
        "detectors": _worst_first(
            (names.get(detector, str(detector)), counts)
            for detector, counts in detectors.items()
        ),
    }


def _type(stage: Mapping[str, Any]) -> RollUp:
    counts = count_stage(stage)
    return RollUp(
        name=stage["label"],
        n_passed=counts.passed,
        n_failed=counts.failed,
        n_advisory=counts.warnings,
        n_unmeasured=counts.unmeasured,
        missing=stage["missing"],
        address=stage["key"],
    )


def _detector_counts(
    report: VerificationReport, key: str
) -> Sequence[tuple[int, int, int, int, int]]:
    try:
        return read_index(report, key).detectors
    except NotFoundError:
        return ()


def _worst_first(counts: Any) -> list[RollUp]:
    rows = [RollUp(name, *numbers) for name, numbers in counts]
    return sorted(rows, key=_badness)


def _badness(row: RollUp) -> tuple[int, int, int, str]:
    return (-row.n_failed, -row.n_unmeasured, -row.n_advisory, row.name)
