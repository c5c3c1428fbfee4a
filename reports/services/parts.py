"""The parts of a report: writing one, and finding what changed since the last report.

A part is one calibration type in one physical filter. Its folder holds what depends on
nothing else: no version of the report, no time of day, nothing of another part, not
even its own place in the report, so that equal evidence has an equal hash.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from reports.domain.results import show_number
from reports.models import ReportPart, VerificationReport
from reports.services.bindings import write_hashes
from reports.services.curves import write_curves
from reports.services.drawing import draw_detectors, draw_planes
from reports.services.evidence import PART, PARTS, SealedPart, read_part
from reports.services.gathering import StageEvidence
from reports.services.pages import write_results
from reports.services.products import copy_plots, write_product
from reports.services.profiles import write_profiles
from reports.services.record import PartRecord
from reports.services.summaries import summarise_stage
from reports.services.values import write_values

__all__ = [
    "Change",
    "PartChange",
    "changed_parts",
    "compare_parts",
    "keep_parts",
    "previous_report",
    "write_part",
]

RESULTS = "results.csv"

_FILE_KEYS = {"combined", "file", "results_file"}
"""Where a summary names a file of its part."""

_OF_RECORD = (
    "inputs",
    "headers",
    "commands",
    "configuration",
    "versions",
    "validity",
)
"""Of a part's record: a file each."""

_ASPECTS = {
    "calibration.csv": "calibration",
    "commands.json": "commands",
    "configuration.json": "configuration",
    "criteria.json": "limits",
    "curves.parquet": "calibration",
    "files.json": "images",
    "headers.json": "inputs",
    "images": "images",
    "inputs.json": "inputs",
    "planes": "plots",
    "profiles.parquet": "metrics",
    "plots": "plots",
    "results.csv": "metrics",
    "validity.json": "validity",
    "values.json": "metrics",
    "values.npz": "metrics",
    "versions.json": "software versions",
}
"""What a person calls the files of a part, by the first word of their path."""


class Change(StrEnum):
    """What became of a part since the report before."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    SAME = "same"

    @property
    def label(self) -> str:
        """The change as people read it."""
        return self.value


@dataclass(frozen=True)
class PartChange:
    """A part of a report beside the same part of the report before."""

    key: str
    change: Change
    sha256: str
    """Empty where the part is gone."""
    previous_sha256: str
    """Empty where the part is new."""
    aspects: tuple[str, ...] = ()
    """Of a changed part: what is different in it."""


def write_part(
    stage: StageEvidence,
    record: PartRecord,
    instrument: str,
    folder: Path,
    *,
    tick: Callable[[], None],
    with_pictures: bool = True,
) -> dict[str, Any]:
    """Write a part into a report's folder; returns its summary.

    The summary names files by their path in the report.
    """
    key = stage.plan.key
    own = folder / PARTS / key
    own.mkdir(parents=True)
    shown = stage if with_pictures else _without_pictures(stage)
    write_results(stage.columns, own / RESULTS)
    write_values(stage.columns, stage.notes, own)
    write_curves(stage, own)
    write_profiles(stage, own)
    write_hashes(shown, own)
    summary = {
        **summarise_stage(stage, record, instrument),
        "results_file": RESULTS,
        "focal_planes": draw_planes(stage, instrument, own),
        **draw_detectors(shown, instrument, own, tick=tick),
        "product": write_product(stage, instrument, own),
        "plots": copy_plots(shown, instrument, own),
        "metrics": [
            {"name": name, "value": show_number(value, unit)}
            for name, value, unit in stage.metrics
        ],
    }
    _write_json(own / PART, summary)
    _write_json(own / "criteria.json", _criteria(stage))
    for name in _OF_RECORD:
        _write_json(own / f"{name}.json", getattr(record, name))
    placed: dict[str, Any] = _place(summary, f"{PARTS}/{key}/")
    return {"key": key, **placed}


def keep_parts(
    report: VerificationReport, sealed: Iterable[SealedPart], *, order: Sequence[str]
) -> None:
    """Put a report's sealed parts on record, in the order of construction."""
    ReportPart.objects.bulk_create(
        ReportPart(report=report, **asdict(part))
        for part in sorted(sealed, key=lambda part: order.index(part.key))
    )


def previous_report(report: VerificationReport) -> VerificationReport | None:
    """Find the ready report of the same ticket that came before."""
    earlier = VerificationReport.objects.ready().filter(
        ticket=report.ticket_id, version__lt=report.version
    )
    # A summary holds every line of its report, and nobody asks for it here.
    return earlier.defer("summary").order_by("-version").first()


def changed_parts(report: VerificationReport) -> list[PartChange]:
    """Compare a report's parts with those of the ready report before, by hash.

    Returns
    -------
    list of PartChange
        Every part of either, the report's own first; empty without a report before.
    """
    before = previous_report(report)
    return list(compare_parts(report, before).values()) if before else []


def compare_parts(
    report: VerificationReport, before: VerificationReport | None
) -> dict[str, PartChange]:
    """Compare parts with those of any report, by key; all are new beside none."""
    new = {part.key: part.sha256 for part in report.parts.all()}
    old = {part.key: part.sha256 for part in before.parts.all()} if before else {}
    return {key: _compare(key, new.get(key, ""), old.get(key, "")) for key in new | old}


def _compare(key: str, new: str, old: str) -> PartChange:
    if new == old:
        return PartChange(key, Change.SAME, new, old)
    if not new or not old:
        change = Change.ADDED if new else Change.REMOVED
        return PartChange(key, change, new, old)
    return PartChange(key, Change.CHANGED, new, old, _aspects(new, old))


def _aspects(new: str, old: str) -> tuple[str, ...]:
    """Name what differs between two parts whose files are kept here."""
    now, then = read_part(new), read_part(old)
    differing = {name for name in now | then if now.get(name) != then.get(name)}
    named = {_ASPECTS.get(name.split("/")[0]) for name in differing}
    return tuple(sorted(name for name in named if name))


def _without_pictures(stage: StageEvidence) -> StageEvidence:
    return replace(stage, combined={}, residuals={}, mosaics={}, plots=[])


def _criteria(stage: StageEvidence) -> dict[str, Any]:
    """Spell the limits that judged, test by test."""
    return {
        "version": stage.criteria_version,
        "tests": [
            {"level": level, "test": test, **asdict(note)}
            for (level, test), note in sorted(stage.notes.items())
        ],
    }


def _place(value: Any, prefix: str) -> Any:
    """Name the files of a summary by their path in the report."""
    if isinstance(value, Mapping):
        return {
            key: prefix + inner
            if key in _FILE_KEYS and isinstance(inner, str) and inner
            else _place(inner, prefix)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_place(inner, prefix) for inner in value]
    return value


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
