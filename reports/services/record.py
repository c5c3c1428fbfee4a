"""The inputs, commands, versions, collections and validity that a report states.

What the portal did is on its rows; what exists and what is valid, the Butler says.
"""

from collections.abc import Sequence
from typing import Any

from calibrations.butler.client import ButlerGateway
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

__all__ = ["build_record"]


def build_record(
    ticket: ConstructionTicket, plans: Sequence[StagePlan], gateway: ButlerGateway
) -> dict[str, Any]:
    """Collect what the images and tests were made from, as plain data."""
    steps = _steps(ticket, plans)
    certifications = list(
        Certification.objects.filter(
            generation__in=[s for s in steps if isinstance(s, Generation)],
            status=StepStatus.SUCCEEDED,
        ).order_by("pk")
    )
    chain = ticket_chain(ticket.instrument_id, ticket.key)
    collections = gateway.collections([chain, f"{chain}/*"])
    return {
        "inputs": [_selection(s) for s in _selections(steps)],
        "commands": [
            {"collection": row.collection, "lines": row.commands}
            for row in (*steps, *certifications)
            if row.commands
        ],
        "versions": _versions(steps),
        "unrecorded": _unrecorded(plans, steps),
        "collections": [
            {
                "name": info.name,
                "type": info.type,
                "children": info.children,
                "n_datasets": info.n_datasets,
            }
            for info in sorted(collections, key=lambda info: info.name)
        ],
        "validity": _validity(gateway, chain, {info.name for info in collections}),
        "chain": chain,
    }


def _steps(
    ticket: ConstructionTicket, plans: Sequence[StagePlan]
) -> list[Generation | Verification]:
    names = [p.generation for p in plans] + [p.verification for p in plans]
    rows: dict[str, Generation | Verification] = {}
    for model in (Generation, Verification):
        rows |= {
            row.collection: row for row in model.objects.filter(collection__in=names)
        }
    ordered = [name for p in plans for name in (p.generation, p.verification)]
    return [rows[name] for name in dict.fromkeys(ordered) if name in rows]


def _selections(steps: Sequence[Generation | Verification]) -> list[Selection]:
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


def _versions(steps: Sequence[Generation | Verification]) -> list[dict[str, Any]]:
    """Every package with its version; one that changed between steps says where."""
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
            "collections": names if len(versions) > 1 else [],
        }
        for package, versions in sorted(found.items())
        for version, names in versions.items()
    ]


def _unrecorded(
    plans: Sequence[StagePlan], steps: Sequence[Generation | Verification]
) -> list[str]:
    """Name the collections that were not made through this portal."""
    recorded = {step.collection for step in steps}
    names = [name for p in plans for name in (p.generation, p.verification) if name]
    return [name for name in dict.fromkeys(names) if name not in recorded]


def _validity(
    gateway: ButlerGateway, chain: str, existing: set[str]
) -> list[dict[str, Any]]:
    """Fold the chain's validity into a line a type, filter, range and collection."""
    if chain not in existing:
        return []
    lines: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in gateway.validity(chain):
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
