"""Generation: a calibration combined from chosen exposures, as a run in the Butler."""

import datetime
from typing import Any

from celery import Task
from django.contrib.auth.models import User

from calibrations.butler.client import PipelineRequest
from calibrations.domain.graph import specification
from calibrations.domain.names import (
    CollectionKind,
    generation_name,
    next_attempt,
)
from calibrations.models import (
    ConstructionTicket,
    Generation,
    Selection,
    SelectionPurpose,
    StepStatus,
    Verification,
)
from calibrations.services.chains import step_inputs
from calibrations.services.fingerprints import fingerprint
from calibrations.services.precursors import check_precursors
from calibrations.services.removal import check_not_being_removed
from calibrations.services.repositories import (
    check_builds,
    open_gateway,
    work_folder,
)
from calibrations.services.selections import check_usable
from calibrations.services.steps import (
    check_building,
    check_is_current,
    check_not_running,
    claim_name,
    run_step,
    subject_of,
)
from taxicab.core.roles import Action
from taxicab.core.services.audit import move
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may

__all__ = [
    "creation_time",
    "exposure_expression",
    "generate_calibration",
    "request_generation",
    "utc_today",
]


def request_generation(
    ticket: ConstructionTicket,
    *,
    selection: Selection,
    by: User,
    task: Task,
    configuration: dict[str, Any] | None = None,
) -> Generation:
    """Generate from a selection: continue the same attempt, or begin the next.

    The same inputs, configuration and versions continue their collection under its
    letter; anything else takes the next letter of the day (UTC).

    Raises
    ------
    ConflictError
        Raised if the attempt is running, the day's letters are used up, or a
        calibration that this type needs is not certified yet.
    """
    check_may(by, Action.BUILD, ticket.instrument)
    check_building(ticket)
    check_builds(ticket.repository)
    check_usable(
        selection,
        ticket=ticket,
        label=selection.label,
        purpose=SelectionPurpose.GENERATION,
    )
    precursors = check_precursors(ticket, selection)
    facts = _facts(ticket, selection, configuration or {}, precursors)

    def attempt() -> Generation:
        same = ticket.generations.present().filter(fingerprint=facts["fingerprint"])
        generation = same.first()
        if generation is None:
            generation = _begin(ticket, selection, facts, by)
        else:
            _resume(generation, ticket, by)
        _enqueue(generation, by, task)
        return generation

    return claim_name(attempt)


def generate_calibration(recorder: JobRecorder) -> None:
    """Run the pipeline of a generation; a job that is run again continues it."""
    generation = Generation.objects.select_related(
        "ticket__repository__facility", "selection"
    ).get(pk=recorder.job.parameters["generation"])
    ticket = generation.ticket
    check_is_current(generation, recorder.job)
    check_building(ticket)  # the job may be run again after the set was hailed
    gateway = open_gateway(
        ticket.repository,
        recorder,
        instrument=ticket.instrument_id,
        graph=ticket.graph,
    )
    request = PipelineRequest(
        pipeline=generation.calib_type,
        inputs=generation.input_collections,
        run=generation.collection,
        where=exposure_expression(ticket.instrument_id, generation.selection),
        work_folder=str(work_folder("generation", generation.collection)),
        creation_time=creation_time(generation),
        overrides=generation.configuration,
    )
    run_step(gateway, generation, request)


def exposure_expression(instrument: str, *selections: Selection) -> str:
    """Spell the expression that gives exactly the exposures people saw."""
    ids = sorted({one for selection in selections for one in selection.exposure_ids})
    numbers = ", ".join(str(one) for one in ids)
    return f"instrument='{instrument}' AND exposure IN ({numbers})"


def utc_today() -> datetime.date:
    """Return the day of a new attempt's name."""
    return datetime.datetime.now(datetime.UTC).date()


def creation_time(step: Generation | Verification) -> str:
    """Give the date that products carry: the attempt's own, the same on a resume."""
    return step.created_at.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _facts(
    ticket: ConstructionTicket,
    selection: Selection,
    configuration: dict[str, Any],
    precursors: dict[str, str],
) -> dict[str, Any]:
    """Collect what the attempt is made from, and its fingerprint."""
    inputs = step_inputs(ticket, selection.calib_type, selection.precursors)
    return {
        "input_collections": inputs.collections,
        "configuration": configuration,
        "versions": selection.versions,
        "precursors": precursors,
        "fingerprint": fingerprint(
            calib_type=selection.calib_type,
            physical_filter=selection.physical_filter,
            exposures=selection.exposure_ids,
            configuration=configuration,
            pipeline=inputs.settings.pipelines.get(selection.calib_type, ""),
            inputs=inputs.collections,
            held={"ticket": inputs.held, "default": selection.precursors},
            versions=selection.versions,
        ),
    }


def _begin(
    ticket: ConstructionTicket,
    selection: Selection,
    facts: dict[str, Any],
    by: User,
) -> Generation:
    """Take the next letter; the unique name decides between two people."""
    today = utc_today()
    rerun = next_attempt(
        ticket.generations.values_list("collection", flat=True),
        selection.calib_type,
        today,
        kind=CollectionKind.GENERATION,
        band=selection.band or None,
    )
    return Generation.objects.create(
        ticket=ticket,
        iteration=ticket.iteration,
        calib_type=selection.calib_type,
        physical_filter=selection.physical_filter,
        band=selection.band,
        selection=selection,
        collection=generation_name(
            ticket.instrument_id,
            ticket.key,
            ticket.tag,
            selection.calib_type,
            rerun,
            selection.band or None,
        ),
        rerun=str(rerun),
        units=specification(selection.calib_type).units,
        created_by=by,
        **facts,
    )


def _resume(generation: Generation, ticket: ConstructionTicket, by: User) -> None:
    """Queue the same attempt again; of two who ask at once, one is told."""
    check_not_running(generation)
    check_not_being_removed(generation)
    move(
        generation,
        field="status",
        to=StepStatus.QUEUED,
        by=by,
        subject=subject_of(ticket),
        why="The same inputs, configuration and versions: the attempt continues.",
        iteration=ticket.iteration,
        ended_at=None,
    )


def _enqueue(generation: Generation, by: User, task: Task) -> None:
    ticket = generation.ticket
    job = enqueue_job(
        task,
        kind="generation",
        title=f"Generate {generation.label} {generation.rerun}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"generation": generation.pk},
    )
    generation.jobs.add(job)
