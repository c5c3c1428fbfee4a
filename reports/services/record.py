"""The inputs, commands, configuration, versions and validity that a report states.

What the portal did is on its rows; what exists and what is valid, the Butler says.
Each part has what it alone was made of, so that it is the same in every report.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import CollectionInfo, ValidityRow
from calibrations.domain.names import ticket_chain
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    StepStatus,
    Verification,
)
from reports.domain.stages import StagePlan

__all__ = ["PartRecord", "ReportRecord", "build_record"]

Step = Generation | Verification


@dataclass(frozen=True)
class PartRecord:
    """What one part was made of, as plain data."""

    inputs: list[dict[str, Any]] = field(default_factory=list)
    """Selections with their expressions and the exposures they found."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    configuration: list[dict[str, Any]] = field(default_factory=list)
    """What each step was told, and the collections it read."""
    versions: list[dict[str, Any]] = field(default_factory=list)
    validity: list[dict[str, Any]] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Collections that were not made through this portal."""


@dataclass(frozen=True)
class ReportRecord:
    """What all parts were made of, and where it lies now."""

    parts: Mapping[str, PartRecord]
    """By the part's key."""
    chain: str = ""
    collections: list[dict[str, Any]] = field(default_factory=list)

    def part(self, key: str) -> PartRecord:
        """Give what is known of a part: nothing where it is not on record."""
        return self.parts.get(key, PartRecord())


def build_record(
    ticket: ConstructionTicket, plans: Sequence[StagePlan], gateway: ButlerGateway
) -> ReportRecord:
    """Collect what the images and tests were made from."""
    steps = _steps(plans)
    chain = ticket_chain(ticket.instrument_id, ticket.key)
    collections = gateway.collections([chain, f"{chain}/*"])
    is_there = any(info.name == chain for info in collections)
    rows = gateway.validity(chain) if is_there else []
    return ReportRecord(
        parts={plan.key: _part(plan, steps, rows) for plan in plans},
        chain=chain,
        collections=_collections(collections),
    )


def _part(
    plan: StagePlan, steps: Mapping[str, Step], validity: Iterable[ValidityRow]
) -> PartRecord:
    names = [name for name in (plan.generation, plan.verification) if name]
    own = [steps[name] for name in names if name in steps]
    certifications = Certification.objects.filter(
        generation__in=[s for s in own if isinstance(s, Generation)],
        status=StepStatus.SUCCEEDED,
    ).order_by("pk")
    return PartRecord(
        inputs=[_selection(s) for s in _selections(own)],
        commands=[
            {"collection": row.collection, "lines": row.commands}
            for row in (*own, *certifications)
            if row.commands
        ],
        configuration=[_configuration(step) for step in own],
        versions=_versions(own),
        validity=_validity(
            row
            for row in validity
            if (row.run, row.type) == (plan.generation, plan.calib_type)
        ),
        unrecorded=[name for name in names if name not in steps],
    )


def _steps(plans: Sequence[StagePlan]) -> dict[str, Step]:
    names = [name for p in plans for name in (p.generation, p.verification) if name]
    rows: dict[str, Step] = {}
    for model in (Generation, Verification):
        rows |= {
            row.collection: row for row in model.objects.filter(collection__in=names)
        }
    return rows


def _selections(steps: Sequence[Step]) -> list[Selection]:
    found: dict[int, Selection] = {}
    for step in steps:
        if isinstance(step, Generation):
            found[step.selection.pk] = step.selection
        else:
            found |= {s.pk: s for s in step.selections.order_by("pk")}
    return list(found.values())


def _selection(selection: Selection) -> dict[str, Any]:
    by = selection.override_by
    return {
        "label": "-".join(filter(None, (selection.calib_type, selection.band))),
        "purpose": selection.purpose,
        "where": selection.where,
        "exposures": selection.exposures,
        "problems": [problem["sentence"] for problem in selection.problems],
        "override_reason": selection.override_reason,
        "override_by": by.get_username() if by else "",
    }


def _configuration(step: Step) -> dict[str, Any]:
    return {
        "collection": step.collection,
        "overrides": step.configuration,
        "input_collections": step.input_collections,
    }


def _versions(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Every package with its version, and the steps that had it."""
    found: dict[str, dict[str, list[str]]] = {}
    for step in steps:
        for package, version in step.versions.items():
            found.setdefault(package, {}).setdefault(version, []).append(
                step.collection
            )
    return [
        {
            "package": package,
            "version": version,
            "collections": names,
        }
        for package, versions in sorted(found.items())
        for version, names in versions.items()
    ]


def _collections(found: Sequence[CollectionInfo]) -> list[dict[str, Any]]:
    return [
        {
            "name": info.name,
            "type": info.type,
            "children": info.children,
            "n_datasets": info.n_datasets,
        }
        for info in sorted(found, key=lambda info: info.name)
    ]


def _validity(rows: Iterable[ValidityRow]) -> list[dict[str, Any]]:
    """Fold what is certified into a line a type, filter, range and collection."""
    lines: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row.type, row.filter or "", row.begin or "", row.end or "", row.run)
        line = lines.setdefault(
            (*key, row.collection),
            {
                "type": row.type,
                "filter": row.filter or "",
                "begin_tai": row.begin or "",
                "end_tai": row.end or "",
                "collection": row.collection,
                "run": row.run,
                "detectors": [],
            },
        )
        line["detectors"].append(row.detector)
    for line in lines.values():
        line["detectors"].sort(key=lambda detector: (detector is None, detector))
    return [lines[key] for key in sorted(lines)]
