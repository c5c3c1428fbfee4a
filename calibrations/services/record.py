"""The construction record: everything that was done, as data and as a page of text."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    Selection,
    Verification,
)
from calibrations.services.chains import chain_of
from calibrations.services.checklist import checklist
from calibrations.services.steps import last_job
from taxicab.core.models import AuditEvent, Job

__all__ = [
    "JobCommands",
    "commands_in_order",
    "construction_record",
    "render_json",
    "render_markdown",
]

JobCommands = dict[str, Any]
"""Title, status and time of a job, and its equivalent command lines."""


def commands_in_order(ticket: ConstructionTicket) -> list[JobCommands]:
    """List the command lines of a ticket's jobs, in the order the jobs began."""
    jobs = Job.objects.about("construction", ticket.key).exclude(started_at=None)
    return [
        {
            "job": job.pk,
            "title": job.title,
            "status": job.status,
            "started_at": _when(job.started_at),
            "ended_at": _when(job.ended_at),
            "commands": job.commands,
        }
        for job in jobs.order_by("started_at", "pk")
        if job.commands
    ]


def construction_record(ticket: ConstructionTicket) -> dict[str, Any]:
    """Collect a ticket's record: JSON's own values only."""
    return {
        "ticket": _ticket(ticket),
        "checklist": [asdict(line) for line in checklist(ticket)],
        "selections": [_selection(s) for s in ticket.selections.order_by("pk")],
        "generations": [_generation(g) for g in ticket.generations.order_by("pk")],
        "verifications": [
            _verification(v)
            for v in Verification.objects.filter(generation__ticket=ticket)
            .select_related("generation")
            .order_by("pk")
        ],
        "certifications": [
            _certification(c)
            for c in ticket.certifications.select_related("generation").order_by("pk")
        ],
        "commands": commands_in_order(ticket),
        "history": [
            {
                "at": _when(event.at),
                "by": event.by,
                "action": event.action,
                "before": event.before,
                "after": event.after,
                "why": event.why,
            }
            for event in AuditEvent.objects.filter(
                subject_kind="construction", subject_key=ticket.key
            )
            .select_related("user")
            .order_by("pk")
        ],
    }


def render_json(record: dict[str, Any]) -> str:
    """Spell the record as JSON for people and programs."""
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def render_markdown(record: dict[str, Any]) -> str:
    """Spell the record as a page of Markdown."""
    ticket = record["ticket"]
    parts = [
        f"# {ticket['key']}: {ticket['instrument']} {ticket['tag']}",
        ticket["reason"],
        _bullets(
            f"{name.replace('_', ' ')}: {value}"
            for name, value in ticket.items()
            if name not in {"key", "reason"} and value not in ("", None)
        ),
        "## Checklist (DMTN-222 §3.7)",
        "\n".join(
            f"- [{'x' if line['is_done'] else ' '}] {line['text']} — {line['evidence']}"
            for line in record["checklist"]
        ),
        "## Selections",
        *[_selection_text(one) for one in record["selections"]],
        "## Generations",
        *[_step_text(one) for one in record["generations"]],
        "## Verifications",
        *[_step_text(one) for one in record["verifications"]],
        "## Certifications",
        *[_certification_text(one) for one in record["certifications"]],
        "## Commands, in order",
        *[_commands_text(one) for one in record["commands"]],
        "## History",
        _bullets(_event_text(one) for one in record["history"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _ticket(ticket: ConstructionTicket) -> dict[str, Any]:
    return {
        "key": ticket.key,
        "instrument": ticket.instrument_id,
        "repository": str(ticket.repository),
        "tag": ticket.tag,
        "reason": ticket.reason,
        "owner": ticket.owner.get_username(),
        "url": ticket.url,
        "stage": ticket.stage,
        "iteration": ticket.iteration,
        "opened_at": _when(ticket.created_at),
        "chain": chain_of(ticket),
        "code_changes": ticket.code_change_reason if ticket.has_code_changes else "",
        "code_review_url": ticket.code_review_url,
        "code_reviewer": str(ticket.code_reviewer) if ticket.code_reviewer else "",
        "code_reviewed_at": _when(ticket.code_reviewed_at),
    }


def _selection(selection: Selection) -> dict[str, Any]:
    return {
        "id": selection.pk,
        "label": selection.label,
        "physical_filter": selection.physical_filter,
        "purpose": selection.purpose,
        "where": selection.where,
        "status": selection.status,
        "n_exposures": len(selection.exposures),
        "exposures": selection.exposures,
        "problems": selection.problems,
        "override_reason": selection.override_reason,
        "override_by": str(selection.override_by) if selection.override_by else "",
        "versions": selection.versions,
        "created_by": selection.created_by.get_username(),
        "created_at": _when(selection.created_at),
    }


def _step(step: Generation | Verification) -> dict[str, Any]:
    job = last_job(step)
    return {
        "collection": step.collection,
        "status": step.status,
        "fingerprint": step.fingerprint,
        "input_collections": step.input_collections,
        "configuration": step.configuration,
        "versions": step.versions,
        "datasets": step.datasets,
        "created_by": step.created_by.get_username(),
        "created_at": _when(step.created_at),
        "started_at": _when(job.started_at) if job else None,
        "ended_at": _when(step.ended_at),
        "message": job.message if job else "",
    }


def _generation(generation: Generation) -> dict[str, Any]:
    return {
        "label": generation.label,
        "iteration": generation.iteration,
        "selection": generation.selection_id,
        "units": generation.units,
        **_step(generation),
    }


def _verification(verification: Verification) -> dict[str, Any]:
    return {
        "label": verification.generation.label,
        "generation": verification.generation.collection,
        "selections": list(verification.selections.values_list("pk", flat=True)),
        "criteria_version": verification.criteria_version,
        "n_results": verification.results.count(),
        "n_failures": verification.results.failures().count(),
        **_step(verification),
    }


def _certification(certification: Certification) -> dict[str, Any]:
    return {
        "label": certification.generation.label,
        "generation": certification.generation.collection,
        "collection": certification.collection,
        "begin_tai": certification.begin_tai,
        "end_tai": certification.end_tai,
        "status": certification.status,
        "n_datasets": certification.n_datasets,
        "created_by": certification.created_by.get_username(),
        "created_at": _when(certification.created_at),
        "ended_at": _when(certification.ended_at),
    }


def _when(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None


def _bullets(lines: Any) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _selection_text(one: dict[str, Any]) -> str:
    ids = ", ".join(str(exposure["id"]) for exposure in one["exposures"])
    lines = [
        f"where: `{one['where']}`",
        f"{one['n_exposures']} exposures, {one['status']}: {ids or 'none'}",
        *(f"does not fit: {problem['sentence']}" for problem in one["problems"]),
    ]
    if one["override_reason"]:
        lines.append(f"answered for by {one['override_by']}: {one['override_reason']}")
    title = f"### {one['label']}, {one['purpose']} (selection {one['id']})"
    return f"{title}\n\n{_bullets(lines)}"


def _step_text(one: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in one["versions"].items())
    datasets = ", ".join(f"{name} {n}" for name, n in one["datasets"].items())
    lines = [
        f"{one['status']}, by {one['created_by']}, from {one['started_at']} to "
        f"{one['ended_at']} (UTC)",
        f"input collections: {', '.join(one['input_collections'])}",
        f"datasets: {datasets or 'none'}",
        f"versions: {versions or 'unknown'}",
        f"fingerprint: `{one['fingerprint']}`",
    ]
    if "n_results" in one:
        lines.append(
            f"{one['n_results']} results, {one['n_failures']} beyond their limit "
            f"(criteria {one['criteria_version']})"
        )
    return f"### `{one['collection']}`\n\n{_bullets(lines)}"


def _certification_text(one: dict[str, Any]) -> str:
    lines = [
        f"{one['status']}: {one['n_datasets']} datasets of `{one['generation']}`",
        f"valid from {one['begin_tai']} to {one['end_tai'] or 'open end'} (TAI)",
        f"by {one['created_by']}, {one['ended_at']} (UTC)",
    ]
    return f"### `{one['collection']}`\n\n{_bullets(lines)}"


def _commands_text(one: JobCommands) -> str:
    commands = "\n".join(one["commands"])
    head = f"### {one['title']} ({one['status']}, {one['started_at']})"
    return f"{head}\n\n```sh\n{commands}\n```"


def _event_text(one: dict[str, Any]) -> str:
    change = " → ".join(word for word in (one["before"], one["after"]) if word)
    text = f"{one['at']} {one['by']}: {one['action']}"
    text += f" ({change})" if change else ""
    return f"{text}: {one['why']}" if one["why"] else text
