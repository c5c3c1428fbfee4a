"""The checklist of DMTN-222 §3.7, ticked by what really happened."""

from dataclasses import dataclass
from typing import Any

from calibrations.domain.graph import specification
from calibrations.models import ConstructionTicket, StepStatus

__all__ = ["ChecklistLine", "checklist"]

DONE = StepStatus.SUCCEEDED


@dataclass(frozen=True)
class ChecklistLine:
    """One thing to do, whether it is done, and what shows it."""

    text: str
    is_done: bool
    evidence: str


def checklist(ticket: ConstructionTicket) -> list[ChecklistLine]:
    """Go through the note's nine lines for one ticket's current iteration.

    What the rooms above keep (reports, the board's ticket, the deployment) is reached
    from the ticket by its relations, never imported.
    """
    taxicab = ticket.taxicab_tickets.order_by("-number").first()
    deployment = getattr(taxicab, "deployment", None)
    return [
        ChecklistLine(
            "File DM ticket for calibration construction that will hold the details "
            "of that process",
            True,
            f"{ticket.key}, opened by {ticket.owner} on {ticket.created_at:%Y-%m-%d}.",
        ),
        _selected(ticket),
        _generated(ticket),
        _verified(ticket),
        _reported(ticket),
        _hailed(taxicab),
        _filed(deployment),
        _deployed(deployment),
        _tagged(deployment),
    ]


def _selected(ticket: ConstructionTicket) -> ChecklistLine:
    usable = [one for one in ticket.selections.all() if one.may_run]
    labels = [f"{one.label} ({len(one.exposures)}, {one.purpose})" for one in usable]
    return ChecklistLine(
        "Select inputs for calibration",
        any(one.purpose == "generation" for one in usable),
        _list(reversed(labels), "No usable selection yet."),
    )


def _generated(ticket: ConstructionTicket) -> ChecklistLine:
    done = ticket.generations.succeeded().filter(iteration=ticket.iteration)
    return ChecklistLine(
        "Run generation pipeline from cp_pipe",
        done.exists(),
        _list(
            done.order_by("pk").values_list("collection", flat=True),
            f"No generation succeeded in iteration {ticket.iteration} yet.",
        ),
    )


def _verified(ticket: ConstructionTicket) -> ChecklistLine:
    done = ticket.generations.succeeded().filter(iteration=ticket.iteration)
    verified, waiting = [], []
    for generation in done.order_by("pk"):
        if not specification(generation.calib_type).is_verified:
            continue  # there are no tests of what only serves to make others
        runs = generation.verifications.filter(status=DONE)
        extended = [run for run in runs if run.selections.exists()]
        if extended:
            verified += [run.collection for run in extended]
        else:
            waiting.append(
                f"{generation.label} on its own inputs only"
                if runs
                else f"{generation.label} not at all"
            )
    evidence = _list(verified, "Nothing is verified on other exposures yet.")
    if waiting:
        evidence += f" Still to do: {', '.join(waiting)}."
    return ChecklistLine(
        "Run associated verification pipeline from cp_verify on the same inputs, "
        "supplemented with similar exposures to test for time variability",
        bool(verified) and not waiting,
        evidence,
    )


def _reported(ticket: ConstructionTicket) -> ChecklistLine:
    ready = ticket.reports.filter(status="ready").order_by("version")
    versions = [f"version {one.version} ({one.sha256[:12]}…)" for one in ready]
    return ChecklistLine(
        "Create verification report",
        bool(versions),
        _list(versions, "No report yet."),
    )


def _hailed(taxicab: Any) -> ChecklistLine:
    return ChecklistLine(
        "File TAXICAB ticket with verification report and any other information",
        taxicab is not None,
        f"{taxicab.key}: {taxicab.stage}." if taxicab else "Not hailed yet.",
    )


def _filed(deployment: Any) -> ChecklistLine:
    return ChecklistLine(
        "File deployment ticket",
        deployment is not None,
        f"{deployment.key}: {deployment.stage}." if deployment else "Not filed yet.",
    )


def _deployed(deployment: Any) -> ChecklistLine:
    targets = list(deployment.targets.all()) if deployment else []
    states = [f"{one.repository}: {one.status}" for one in targets]
    return ChecklistLine(
        "Upon approval, export/import the calibrations to all other repos",
        bool(targets) and all(one.status in {"deployed", "skipped"} for one in targets),
        _list(states, "No repository has them yet."),
    )


def _tagged(deployment: Any) -> ChecklistLine:
    """Only repositories that are cleaned automatically need tags."""
    steps = [
        step
        for target in (deployment.targets.all() if deployment else [])
        for step in target.steps.filter(kind="tag")
        if target.status != "skipped"
    ]
    states = [f"{step.target.repository}: {step.status}" for step in steps]
    return ChecklistLine(
        "Ensure summit calibrations are tagged correctly",
        bool(steps) and all(step.status == "succeeded" for step in steps),
        _list(states, "Nothing is tagged yet."),
    )


def _list(items: Any, otherwise: str) -> str:
    words = list(items)
    return f"{', '.join(words)}." if words else otherwise
