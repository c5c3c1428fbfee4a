"""Choosing inputs: a Butler expression, looked up by a job, judged, answered for."""

import re
from dataclasses import asdict

from celery import Task
from django.contrib.auth.models import User
from django.db import transaction

from calibrations.domain.graph import find_graph, specification
from calibrations.domain.names import check_names_fit
from calibrations.domain.selections import find_problems, rule_for
from calibrations.models import (
    ConstructionTicket,
    Selection,
    SelectionPurpose,
    SelectionStatus,
)
from calibrations.services.construction import note_versions
from calibrations.services.precursors import find_held
from calibrations.services.repositories import check_builds, open_gateway
from calibrations.services.steps import check_building, check_testable, subject_of
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, InputError

__all__ = [
    "band_of",
    "check_usable",
    "look_up_selection",
    "override_problems",
    "request_selection",
]


@transaction.atomic
def request_selection(
    ticket: ConstructionTicket,
    *,
    calib_type: str,
    purpose: str,
    where: str,
    physical_filter: str = "",
    by: User,
    task: Task,
) -> Selection:
    """Look exposures up on the repository's own queue, to be seen before they run."""
    check_may(by, Action.BUILD, ticket.instrument)
    if purpose not in set(SelectionPurpose):
        raise InputError(
            f"{purpose!r} is no purpose; there are {', '.join(SelectionPurpose)}."
        )
    _check_stage(ticket, purpose)
    check_builds(ticket.repository)
    _check_type(ticket, calib_type, physical_filter)
    if not where.strip():
        raise InputError(
            "Say which exposures: instrument='LSSTComCam' AND "
            "exposure.observation_type='bias' AND day_obs=20261109."
        )
    selection = Selection.objects.create(
        ticket=ticket,
        calib_type=calib_type,
        physical_filter=physical_filter,
        band=band_of(physical_filter),
        purpose=purpose,
        where=where.strip(),
        created_by=by,
    )
    selection.job = enqueue_job(
        task,
        kind="selection",
        title=f"Look up exposures for {selection.label} {purpose}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"selection": selection.pk},
    )
    selection.save(update_fields=["job"])
    return selection


def look_up_selection(recorder: JobRecorder) -> None:
    """Keep what the Butler answers, and what does not fit the type."""
    selection = Selection.objects.select_related(
        "ticket__repository__facility", "ticket__instrument"
    ).get(pk=recorder.job.parameters["selection"])
    ticket = selection.ticket
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    versions = gateway.versions()
    exposures = [asdict(one) for one in gateway.select_exposures(selection.where)]
    problems = find_problems(
        selection.calib_type,
        exposures,
        physical_filter=selection.physical_filter,
        is_construction=selection.purpose == SelectionPurpose.GENERATION,
    )
    Selection.objects.filter(pk=selection.pk).update(
        exposures=exposures,
        versions=versions,
        precursors=find_held(gateway, selection, exposures),
        problems=[asdict(problem) for problem in problems],
    )
    note_versions(ticket, versions)
    recorder.say(
        f"{len(exposures)} exposures"
        + (f"; {len(problems)} things do not fit." if problems else ", all fit.")
    )


@transaction.atomic
def override_problems(selection: Selection, *, reason: str, by: User) -> Selection:
    """Answer for exposures that do not fit their type, with a reason."""
    check_may(by, Action.BUILD, selection.ticket.instrument)
    _check_stage(selection.ticket, selection.purpose)
    if selection.status != SelectionStatus.READY or not selection.problems:
        raise ConflictError("There is no mismatch to answer for.")
    if any(problem["code"] == "empty" for problem in selection.problems):
        raise ConflictError("Nothing was found: there is no exposure to answer for.")
    if not reason.strip():
        raise InputError("Say why these exposures serve all the same.")
    overridden = Selection.objects.filter(pk=selection.pk, override_reason="").update(
        override_reason=reason.strip(), override_by=by
    )
    if not overridden:
        raise ConflictError("Somebody answered for this selection already.")
    record(
        by=by,
        subject=subject_of(selection.ticket),
        action=f"{selection.label} {selection.purpose} selection overridden",
        before=", ".join(problem["code"] for problem in selection.problems),
        after="answered for",
        why=reason,
        selection=selection.pk,
        where=selection.where,
    )
    selection.refresh_from_db()
    return selection


def check_usable(
    selection: Selection,
    *,
    ticket: ConstructionTicket,
    label: str,
    purpose: SelectionPurpose,
) -> None:
    """Refuse a selection that is another's, not looked up or not answered for."""
    if selection.ticket_id != ticket.pk:
        raise InputError(f"That selection belongs to {selection.ticket.key}.")
    if selection.purpose != purpose or selection.label != label:
        raise InputError(
            f"That selection is for {selection.label} {selection.purpose}; "
            f"{label} {purpose} needs one of its own."
        )
    if selection.status != SelectionStatus.READY:
        raise ConflictError(
            f"The exposures are not looked up ({selection.status}): wait for the job, "
            "or correct the expression."
        )
    if not selection.may_run:
        sentences = " ".join(problem["sentence"] for problem in selection.problems)
        raise ConflictError(
            f"These exposures do not fit: {sentences} Choose others, or answer for "
            "them with a reason.",
            problems=selection.problems,
        )


def band_of(physical_filter: str) -> str:
    """Give the band of a Rubin filter: ``r_03`` and ``SDSSr_65mm~empty`` are r.

    A filter without a letter of its own keeps its name, without what a collection's
    name cannot hold.
    """
    first = physical_filter.split("~")[0].removeprefix("SDSS").split("_")[0]
    return re.sub(r"[^A-Za-z0-9]", "", first)


def _check_stage(ticket: ConstructionTicket, purpose: str) -> None:
    if purpose == SelectionPurpose.VERIFICATION:
        check_testable(ticket)
    else:
        check_building(ticket)


def _check_type(
    ticket: ConstructionTicket, calib_type: str, physical_filter: str
) -> None:
    graph = find_graph(ticket.graph)
    if calib_type not in graph:
        raise InputError(
            f"A {calib_type!r} is not built for {ticket.key}: the order of "
            f"{graph.title} has {', '.join(graph.types)}."
        )
    is_per_filter = rule_for(calib_type).is_per_filter
    if is_per_filter and not physical_filter:
        raise InputError(f"A {calib_type} is made for one filter: say which.")
    if physical_filter and not is_per_filter:
        raise InputError(f"A {calib_type} is made without a filter.")
    # When the ticket was opened, bands were taken to be one letter.
    band = band_of(physical_filter)
    types = [specification(calib_type).type]
    check_names_fit(ticket.instrument_id, ticket.key, ticket.tag, types, band or "r")
