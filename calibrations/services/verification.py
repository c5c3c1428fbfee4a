"""Verification: the tests of a generation, run in the Butler, kept in the database."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from celery import Task
from django.contrib.auth.models import User
from django.db import transaction

from calibrations.butler.client import MetricRow, PipelineRequest
from calibrations.domain.graph import specification
from calibrations.domain.names import CollectionKind, next_attempt, verification_name
from calibrations.models import (
    Generation,
    MetricResult,
    Selection,
    SelectionPurpose,
    StepStatus,
    Verification,
)
from calibrations.services.chains import step_inputs
from calibrations.services.fingerprints import fingerprint
from calibrations.services.generation import (
    creation_time,
    exposure_expression,
    utc_today,
)
from calibrations.services.removal import check_not_being_removed
from calibrations.services.repositories import (
    check_builds,
    open_gateway,
    work_folder,
)
from calibrations.services.selections import check_usable
from calibrations.services.steps import (
    check_is_current,
    check_not_running,
    check_testable,
    claim_name,
    keep_outcome,
    run_step,
    subject_of,
)
from taxicab.core.roles import Action
from taxicab.core.services.audit import move
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, NotFoundError

__all__ = ["request_verification", "verify_generation"]

BATCH_ROWS = 2000
"""Rows written at once: below SQLite's limit of variables in a statement."""


def request_verification(
    generation: Generation,
    *,
    selections: Sequence[Selection] = (),
    by: User,
    task: Task,
) -> Verification:
    """Verify a generation on its own inputs and on exposures of other nights.

    Its own selection need not be named: it always belongs to what is verified.
    DMTN-222 §3.2: at least the construction exposures; others show how long the
    calibration may hold.
    """
    ticket = generation.ticket
    check_may(by, Action.VERIFY, ticket.instrument)
    check_testable(ticket)
    check_builds(ticket.repository)
    check_not_being_removed(generation)
    _pipelines(generation)
    if generation.status != StepStatus.SUCCEEDED:
        raise ConflictError(
            f"{generation} is {generation.status}: only a generation that succeeded "
            "can be verified."
        )
    selections = [one for one in selections if one.pk != generation.selection_id]
    for selection in selections:
        check_usable(
            selection,
            ticket=ticket,
            label=generation.label,
            purpose=SelectionPurpose.VERIFICATION,
        )
    facts = _facts(generation, selections)

    def attempt() -> Verification:
        same = generation.verifications.filter(fingerprint=facts["fingerprint"])
        verification = same.first()
        if verification is None:
            verification = _begin(generation, facts, by)
        else:
            _resume(verification, by)
        verification.selections.set(selections)
        _enqueue(verification, by, task)
        return verification

    return claim_name(attempt)


def verify_generation(recorder: JobRecorder) -> None:
    """Run the tests and copy their results, so that no page reads datasets."""
    verification = Verification.objects.select_related(
        "generation__ticket__repository__facility", "generation__selection"
    ).get(pk=recorder.job.parameters["verification"])
    generation = verification.generation
    ticket = generation.ticket
    check_is_current(verification, recorder.job)
    check_testable(ticket)  # the job may be run again after the set was hailed
    gateway = open_gateway(
        ticket.repository,
        recorder,
        instrument=ticket.instrument_id,
        graph=ticket.graph,
    )
    pipeline, *more = _pipelines(generation)
    request = PipelineRequest(
        pipeline=pipeline,
        inputs=verification.input_collections,
        run=verification.collection,
        where=exposure_expression(
            ticket.instrument_id,
            generation.selection,
            *verification.selections.all(),
        ),
        work_folder=str(work_folder("verification", verification.collection)),
        creation_time=creation_time(verification),
        overrides=verification.configuration,
    )
    run_step(gateway, verification, request)
    # The run's own tables have every amplifier's, detector's and exposure's tests.
    rows = gateway.read_metrics(request.run, f"{pipeline}Tests")
    for other in more:
        with suppress(NotFoundError):  # a site's own pipeline may not have them
            rows += gateway.read_metrics(request.run, f"{other}Tests")
    _replace_results(verification, rows)
    n_failed = verification.results.failures().count()
    recorder.say(f"{len(rows)} results, {n_failed} beyond their limit.")


def _pipelines(generation: Generation) -> list[str]:
    """Name a type's pipeline, then others whose tests are in its run as well."""
    found = specification(generation.calib_type)
    if found.verification is None:
        raise ConflictError(
            f"There are no tests of a {generation.calib_type}: it only serves to make "
            "other types, and is certified without."
        )
    return [found.verification, *found.also_verified]


def _facts(generation: Generation, selections: Sequence[Selection]) -> dict[str, Any]:
    """Collect what the verification is made from, and its fingerprint."""
    ticket = generation.ticket
    found = generation.selection.precursors
    inputs = step_inputs(ticket, generation.calib_type, found)
    pipeline, *_ = _pipelines(generation)
    # First, so that the calibrations to be verified are the ones that are found.
    collections = [generation.collection, *inputs.collections]
    exposures = {e for s in (generation.selection, *selections) for e in s.exposure_ids}
    newest = max((generation.selection, *selections), key=lambda s: s.pk)
    return {
        "input_collections": collections,
        "versions": newest.versions,
        "fingerprint": fingerprint(
            generation=generation.fingerprint,
            exposures=sorted(exposures),
            pipeline=inputs.settings.pipelines.get(pipeline, ""),
            inputs=collections,
            held=inputs.held,
            versions=newest.versions,
        ),
    }


def _begin(generation: Generation, facts: dict[str, Any], by: User) -> Verification:
    """Take the next letter; the unique name decides between two people."""
    ticket = generation.ticket
    taken = Verification.objects.filter(generation__ticket=ticket)
    band = generation.band or None
    rerun = next_attempt(
        taken.values_list("collection", flat=True),
        generation.calib_type,
        utc_today(),
        kind=CollectionKind.VERIFICATION,
        band=band,
    )
    return Verification.objects.create(
        generation=generation,
        collection=verification_name(
            ticket.instrument_id,
            ticket.key,
            ticket.tag,
            generation.calib_type,
            rerun,
            band,
        ),
        rerun=str(rerun),
        created_by=by,
        **facts,
    )


def _resume(verification: Verification, by: User) -> None:
    """Queue the same verification again; of two who ask at once, one is told."""
    check_not_running(verification)
    move(
        verification,
        field="status",
        to=StepStatus.QUEUED,
        by=by,
        subject=subject_of(verification.generation.ticket),
        why="The same exposures, configuration and versions: it continues.",
        ended_at=None,
    )


def _enqueue(verification: Verification, by: User, task: Task) -> None:
    generation = verification.generation
    ticket = generation.ticket
    job = enqueue_job(
        task,
        kind="verification",
        title=f"Verify {generation.label} {verification.rerun}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"verification": verification.pk},
    )
    verification.jobs.add(job)


@transaction.atomic
def _replace_results(verification: Verification, rows: Iterable[MetricRow]) -> None:
    """Write all results in place of those of an earlier run."""
    results = list(_results(verification, rows))
    verification.results.all().delete()
    MetricResult.objects.bulk_create(results, batch_size=BATCH_ROWS)
    versions = sorted({result.criteria_version for result in results})
    keep_outcome(verification, criteria_version=", ".join(versions))


def _results(
    verification: Verification, rows: Iterable[MetricRow]
) -> Iterator[MetricResult]:
    for row in rows:
        yield MetricResult(
            verification=verification,
            exposure=row["exposure"],
            detector=row["detector"],
            amplifier=row["amplifier"],
            level=row["level"],
            test=row["test"],
            statistic=row["statistic"],
            value=_finite(row["value"]),
            limit=_finite(row["limit"]),
            sense=row["sense"],
            unit=row["unit"],
            passed=row["passed"],
            is_advisory=row["advisory"],
            dmtn101=row["dmtn101"],
            criteria_version=row["criteria_version"],
        )


def _finite(value: float | None) -> float | None:
    """Give a number, or nothing for one that could not be measured."""
    return value if value is not None and math.isfinite(value) else None
