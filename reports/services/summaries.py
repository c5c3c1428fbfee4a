"""The tables of a report as plain data: what pages show without opening its files.

``VerificationReport.summary`` and the report's own HTML are made of the same thing.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from calibrations.models import ConstructionTicket
from reports.domain.absences import UNMEASURED, Absence, Found, find_absences
from reports.domain.clusters import Cluster, find_clusters
from reports.domain.results import Result, show_margin, show_number, show_unit
from reports.domain.verdicts import (
    FailingAmplifier,
    Verdict,
    VerdictLine,
    count_results,
)
from reports.services.folding import find_failing_amplifiers, fold_results
from reports.services.gathering import StageEvidence
from reports.services.record import PartRecord, ReportRecord

__all__ = ["SUMMARY_FORMAT", "Subject", "summarise_report", "summarise_stage"]

SUMMARY_FORMAT = 2
"""Since 2 each result is counted once, and what has no number is folded apart."""

MAX_AMPLIFIERS = 100
"""A bad exposure fails thousands: each page would carry them, and nobody reads them."""

_WORDS = {
    Verdict.PASSED: "Every test that decides passed.",
    Verdict.FAILED: "Some tests failed: the board decides whether they matter.",
    Verdict.WARNING: "Every test that decides passed; an advisory one did not.",
    Verdict.MISSING: "Something was not verified: see below what is missing.",
    Verdict.UNTESTED: "There are no tests of what is here: it serves to make others.",
}

_GRAVITY = (
    Verdict.FAILED,
    Verdict.MISSING,
    Verdict.WARNING,
    Verdict.PASSED,
    Verdict.UNTESTED,
)


@dataclass(frozen=True)
class Subject:
    """Whose calibrations a report is about."""

    ticket: str
    """Key of the construction ticket, or what stands for it in a title."""
    instrument: str
    tag: str = ""
    reason: str = ""
    owner: str = ""

    @classmethod
    def of(cls, ticket: ConstructionTicket) -> Self:
        """Name a construction ticket's."""
        return cls(
            ticket=ticket.key,
            instrument=ticket.instrument_id,
            tag=ticket.tag,
            reason=ticket.reason,
            owner=ticket.owner.get_username(),
        )


def summarise_report(
    subject: Subject,
    stages: Sequence[Mapping[str, Any]],
    record: ReportRecord,
) -> dict[str, Any]:
    """Put stages and record together under one verdict."""
    verdict = _gravest([Verdict(stage["verdict"]) for stage in stages])
    counts = {
        name: sum(stage["counts"][name] for stage in stages)
        for name in ("results", "passed", "failed", "warnings", "unmeasured")
    }
    return {
        "format": SUMMARY_FORMAT,
        **asdict(subject),
        "verdict": str(verdict),
        "verdict_sentence": _WORDS[verdict],
        "counts": counts,
        "missing": [
            f"{stage['label']}: {one['sentence']}"
            for stage in stages
            for one in stage["absences"]
            # What has no number is a row of the verdict and is counted there.
            if one["is_missing"] and one["what"] != UNMEASURED
        ],
        "stages": [
            {**stage, "against_adopted": asdict(record.against[stage["key"]])}
            if stage["key"] in record.against
            else stage
            for stage in stages
        ],
        **_together([record.part(stage["key"]) for stage in stages]),
        "chain": record.chain,
        "collections": record.collections,
    }


def summarise_stage(
    stage: StageEvidence, record: PartRecord, instrument: str
) -> dict[str, Any]:
    """Fold a stage's results into its lines, clusters and failing amplifiers."""
    names = stage.detector_names(instrument)
    lines = fold_results(stage.columns, notes=stage.notes)
    failing = find_failing_amplifiers(stage.columns, notes=stage.notes)
    clusters = [
        _cluster(cluster, stage, names)
        for cluster in find_clusters(stage.columns.suspects(), detector_names=names)
    ]
    verdict = _gravest([line.verdict for line in lines])
    if not stage.plan.is_verified:
        verdict = Verdict.UNTESTED
    if stage.missing:
        verdict = _gravest([verdict, Verdict.MISSING])
    return {
        "label": stage.plan.label,
        "calib_type": stage.plan.calib_type,
        "physical_filter": stage.physical_filter,
        "criteria_version": stage.criteria_version,
        "generation": stage.plan.generation,
        "verification": stage.plan.verification,
        "missing": stage.missing,
        "absences": [asdict(one) for one in _absences(stage, record, lines, names)],
        "verdict": str(verdict),
        "counts": asdict(count_results(lines)),
        "is_image": stage.plan.is_image,
        "n_exposures": len(stage.exposures),
        "n_detectors": len(stage.tested_detectors),
        "lines": [_line(line, names) for line in lines],
        "clusters": sorted(clusters, key=lambda cluster: cluster["is_advisory"]),
        "n_failing_amplifiers": len(failing),
        "failing_amplifiers": [
            _amplifier(one, names) for one in failing[:MAX_AMPLIFIERS]
        ],
    }


def _absences(
    stage: StageEvidence,
    record: PartRecord,
    lines: Sequence[VerdictLine],
    names: Mapping[int, str],
) -> list[Absence]:
    unmeasured: Counter[str] = Counter()
    columns = stage.columns
    for result in columns.take(~(columns.passed | columns.is_measured)):
        unmeasured[_place(result._replace(exposure=0), names)] += 1
    found = Found(
        detector_names=names,
        combined={*stage.combined, *stage.tables, *stage.unreadable},
        unreadable=stage.unreadable,
        residuals={detector for detector, _ in stage.residuals},
        tested=set(stage.tested_detectors),
        untested=[f"{x.level} {x.test}" for x in lines if not x.n_results],
        unmeasured=unmeasured,
        exposures=set(columns.exposure.tolist()),
        expected_exposures=record.expected_exposures,
        is_certified=bool(record.validity),
        unrecorded=record.unrecorded,
        has_portal=record.has_portal,
    )
    return find_absences(stage.plan, found)


def _together(parts: Sequence[PartRecord]) -> dict[str, Any]:
    """List what all parts were made of, each thing once."""
    names = ("inputs", "commands", "validity", "unrecorded")
    found: dict[str, Any] = {
        name: _once(entry for part in parts for entry in getattr(part, name))
        for name in names
    }
    return {**found, "versions": _versions(parts)}


def _once(entries: Iterable[Any]) -> list[Any]:
    found: list[Any] = []
    for entry in entries:
        if entry not in found:
            found.append(entry)
    return found


def _versions(parts: Sequence[PartRecord]) -> list[dict[str, Any]]:
    """List packages with their versions; one that differs says where."""
    found: dict[str, dict[str, list[str]]] = {}
    for part in parts:
        for one in part.versions:
            names = found.setdefault(one["package"], {}).setdefault(one["version"], [])
            names += one["collections"]
    return [
        {
            "package": package,
            "version": version,
            "collections": list(dict.fromkeys(names)) if len(versions) > 1 else [],
        }
        for package, versions in sorted(found.items())
        for version, names in versions.items()
    ]


def _gravest(verdicts: Sequence[Verdict]) -> Verdict:
    return min(verdicts, key=_GRAVITY.index, default=Verdict.MISSING)


def _line(line: VerdictLine, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "level": line.level,
        "test": line.test,
        "verdict": str(line.verdict),
        "is_advisory": line.note.is_advisory,
        "statistic": line.note.statistic,
        "definition": line.note.definition,
        "sense": line.note.sense,
        "limit": _limit(line),
        "limit_expression": line.note.limit_expression,
        "unit": show_unit(line.note.unit),
        "dmtn101": line.note.dmtn101,
        "upstream": line.note.upstream,
        "criteria_version": line.criteria_version,
        "n_results": line.n_results,
        "n_passed": line.n_passed,
        "n_failed": line.n_failed,
        "n_unmeasured": line.n_unmeasured,
        "worst": _result(line.worst, names) if line.worst else None,
    }


def _limit(line: VerdictLine) -> str:
    """Write the limit, or its range where it depends on the amplifier."""
    unit = line.note.unit
    low, high = show_number(line.limit_low), show_number(line.limit_high, unit)
    if line.limit_low is None:
        return ""
    same = low == show_number(line.limit_high)
    return high if same else f"{low} to {high}"


def _result(result: Result, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "exposure": result.exposure,
        "detector": result.detector,
        "detector_name": names.get(result.detector, ""),
        "amplifier": result.amplifier,
        "place": _place(result, names),
        "value": result.value,
        "limit": result.limit,
        "unit": show_unit(result.unit),
        "margin": result.margin,
        "margin_text": show_margin(result.margin),
        "text": _describe(result),
    }


def _describe(result: Result) -> str:
    """Write value and limit: ``9.1 e⁻, limit 8.98 e⁻``."""
    if not result.is_measured:
        return "not measured"
    value = show_number(result.value, result.unit)
    return f"{value}, limit {show_number(result.limit, result.unit)}"


def _place(result: Result, names: Mapping[int, str]) -> str:
    name = names.get(result.detector, "")
    words = (name, result.amplifier, str(result.exposure or ""))
    return " ".join(filter(None, words))


def _cluster(
    cluster: Cluster, stage: StageEvidence, names: Mapping[int, str]
) -> dict[str, Any]:
    made = cluster.tests or (f"{cluster.level} {cluster.test}",)
    notes = [stage.notes.get((one.split()[0], one.split()[1])) for one in made]
    return {
        "level": cluster.level,
        "test": cluster.test,
        "title": cluster.test if len(made) == 1 else f"{len(made)} tests",
        "tests": list(cluster.tests),
        "is_measured": cluster.worst.is_measured,
        "is_advisory": all(note and note.is_advisory for note in notes),
        "kind": str(cluster.kind),
        "exposure": cluster.exposure,
        "raft": cluster.raft,
        "detector": cluster.detector,
        "amplifier": cluster.amplifier,
        "sentence": cluster.sentence,
        "n_failed": cluster.n_failed,
        "n_results": cluster.n_results,
        "worst": _result(cluster.worst, names),
    }


def _amplifier(one: FailingAmplifier, names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "detector": one.detector,
        "detector_name": names.get(one.detector, ""),
        "amplifier": one.amplifier,
        "is_failed": one.is_failed,
        "tests": [
            {
                "test": test.test,
                "is_advisory": test.is_advisory,
                "n_failed": test.n_failed,
                "n_exposures": test.n_exposures,
                "worst": _result(test.worst, names),
            }
            for test in one.tests
        ],
    }
