"""The inputs, commands, configuration, versions and validity that a report states.

What the portal did is on its rows; what exists and what is valid, the Butler says.
Each part has what it alone was made of, so that it is the same in every report.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from calibrations.butler.client import ButlerGateway
from calibrations.butler.errors import MissingCollectionError
from calibrations.butler.records import CollectionInfo, DatasetInfo, ValidityRow
from calibrations.domain.names import ticket_chain
from calibrations.models import (
    Certification,
    ConstructionStage,
    ConstructionTicket,
    Generation,
    Selection,
    StepStatus,
    Verification,
)
from reports.domain.stages import StagePlan
from reports.services.configs import compare, find_configs, read_configs

__all__ = [
    "AgainstAdopted",
    "PartRecord",
    "ReportRecord",
    "build_record",
    "fold_validity",
    "fold_versions",
    "with_headers",
]

Step = Generation | Verification


@dataclass(frozen=True)
class PartRecord:
    """What one part was made of, as plain data."""

    inputs: list[dict[str, Any]] = field(default_factory=list)
    """Selections with their expressions and the exposures they found."""
    headers: list[dict[str, Any]] = field(default_factory=list)
    """Cards of a raw of every exposure of the inputs, or why there are none."""
    commands: list[dict[str, Any]] = field(default_factory=list)
    configuration: list[dict[str, Any]] = field(default_factory=list)
    """What each step was told, and the collections it read."""
    versions: list[dict[str, Any]] = field(default_factory=list)
    validity: list[dict[str, Any]] = field(default_factory=list)
    unrecorded: list[str] = field(default_factory=list)
    """Collections that were not made through this portal."""
    has_portal: bool = True
    """Whether the portal's database was asked."""
    expected_exposures: list[int] = field(default_factory=list)
    """Chosen for verification."""


@dataclass(frozen=True)
class AgainstAdopted:
    """How a part's configuration differs from that of the last adopted set.

    It says as much of that set as of the part, and so is no evidence of the part.
    """

    collection: str = ""
    """Generation of the adopted set; empty where there is none."""
    ticket: str = ""
    differences: list[dict[str, str]] = field(default_factory=list)
    """Task, field, value and what it was before."""


@dataclass(frozen=True)
class ReportRecord:
    """What all parts were made of, and where it lies now."""

    parts: Mapping[str, PartRecord]
    """By the part's key."""
    against: Mapping[str, AgainstAdopted] = field(default_factory=dict)
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
    kept = _kept_configs(gateway, plans)
    chain = ticket_chain(ticket.instrument_id, ticket.key)
    collections = gateway.collections([chain, f"{chain}/*"])
    is_there = any(info.name == chain for info in collections)
    rows = gateway.validity(chain) if is_there else []
    return ReportRecord(
        parts=with_headers(
            {plan.key: _part(plan, steps, rows, kept) for plan in plans}, gateway
        ),
        against={
            plan.key: _against_adopted(gateway, generation, kept)
            for plan in plans
            if isinstance(generation := steps.get(plan.generation), Generation)
        },
        chain=chain,
        collections=_collections(collections),
    )


def _part(
    plan: StagePlan,
    steps: Mapping[str, Step],
    validity: Iterable[ValidityRow],
    kept: Mapping[str, Sequence[DatasetInfo]],
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
        configuration=[
            _configuration(name, steps.get(name), kept.get(name, ())) for name in names
        ],
        versions=fold_versions((step.collection, step.versions) for step in own),
        validity=fold_validity(
            row
            for row in validity
            if (row.run, row.type) == (plan.generation, plan.calib_type)
        ),
        unrecorded=[name for name in names if name not in steps],
        expected_exposures=_expected_exposures(own),
    )


def with_headers(
    parts: Mapping[str, PartRecord], gateway: ButlerGateway
) -> dict[str, PartRecord]:
    """Read the headers of all parts' inputs at once and give each part its own."""
    wanted = {key: _input_exposures(part) for key, part in parts.items()}
    exposures = sorted(set().union(*wanted.values()))
    if not exposures:
        return dict(parts)
    read = {one.exposure: asdict(one) for one in gateway.read_headers(exposures)}
    return {
        key: replace(part, headers=[read[e] for e in sorted(wanted[key])])
        for key, part in parts.items()
    }


def _input_exposures(part: PartRecord) -> set[int]:
    return {int(e["id"]) for one in part.inputs for e in one["exposures"]}


def _against_adopted(
    gateway: ButlerGateway,
    generation: Generation,
    kept: Mapping[str, Sequence[DatasetInfo]],
) -> AgainstAdopted:
    """Compare with the generation of the set that the board adopted last."""
    before = (
        Generation.objects.filter(
            ticket__instrument=generation.ticket.instrument_id,
            ticket__stage=ConstructionStage.REVIEWED,
            calib_type=generation.calib_type,
            physical_filter=generation.physical_filter,
            certifications__status=StepStatus.SUCCEEDED,
        )
        .exclude(ticket=generation.ticket_id)
        .select_related("ticket")
        .order_by("-pk")
        .first()
    )
    if before is None:
        return AgainstAdopted()
    try:
        was = find_configs(gateway, [before.collection])[before.collection]
    except MissingCollectionError:
        # Its run was removed since; what it was told is on its row.
        now, then = ({"": _spell(g.configuration)} for g in (generation, before))
    else:
        now, then = (read_configs(c) for c in (kept[generation.collection], was))
    versions = {"software versions": generation.versions}
    return AgainstAdopted(
        collection=before.collection,
        ticket=before.ticket.key,
        differences=[
            asdict(one)
            for one in compare(
                {**now, **versions}, {**then, "software versions": before.versions}
            )
        ],
    )


def _spell(configuration: Mapping[str, Any]) -> dict[str, str]:
    return {name: repr(value) for name, value in configuration.items()}


def _steps(plans: Sequence[StagePlan]) -> dict[str, Step]:
    names = [name for p in plans for name in (p.generation, p.verification) if name]
    rows: dict[str, Step] = {}
    for model in (Generation, Verification):
        rows |= {
            row.collection: row for row in model.objects.filter(collection__in=names)
        }
    return rows


def _expected_exposures(steps: Sequence[Step]) -> list[int]:
    tests = [step for step in steps if isinstance(step, Verification)]
    found = {int(e["id"]) for s in _selections(tests) for e in s.exposures}
    return sorted(found)


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


def _kept_configs(
    gateway: ButlerGateway, plans: Sequence[StagePlan]
) -> dict[str, list[DatasetInfo]]:
    """Find the configurations that the runs themselves keep."""
    runs = sorted({r for p in plans for r in (p.generation, p.verification)} - {""})
    return find_configs(gateway, runs)


def _configuration(
    name: str, step: Step | None, kept: Sequence[DatasetInfo]
) -> dict[str, Any]:
    return {
        "collection": name,
        "overrides": step.configuration if step else {},
        "input_collections": step.input_collections if step else [],
        "tasks": read_configs(kept),
    }


def fold_versions(
    runs: Iterable[tuple[str, Mapping[str, str]]],
) -> list[dict[str, Any]]:
    """List every package with its version, and the runs that had it."""
    found: dict[str, dict[str, list[str]]] = {}
    for run, versions in runs:
        for package, version in versions.items():
            found.setdefault(package, {}).setdefault(version, []).append(run)
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


def fold_validity(rows: Iterable[ValidityRow]) -> list[dict[str, Any]]:
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
