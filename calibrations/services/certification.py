"""Certification: a validity range for a generation, and the ticket's chain."""

from celery import Task
from django.contrib.auth.models import User

from calibrations.butler.client import ButlerGateway
from calibrations.domain.graph import specification
from calibrations.domain.names import certified_name
from calibrations.domain.validity import ValidityRange, parse_tai
from calibrations.models import Certification, Generation, StepStatus
from calibrations.services.chains import chain_of, superseded
from calibrations.services.consequences import consequences_of
from calibrations.services.removal import check_not_being_removed
from calibrations.services.repositories import check_builds, open_gateway
from calibrations.services.steps import (
    check_building,
    check_is_current,
    check_not_running,
    claim_name,
    keep_outcome,
    subject_of,
)
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError

__all__ = ["certify_generation", "request_certification"]


def request_certification(
    generation: Generation,
    *,
    begin_tai: str,
    end_tai: str = "",
    by: User,
    task: Task,
) -> Certification:
    """Certify a verified generation and put it first in the ticket's chain.

    Parameters
    ----------
    begin_tai, end_tai
        ISO-8601, TAI, half-open. The end stays open but for historical sets, so that
        later exposures always have a calibration (DMTN-222 §3.3).

    Raises
    ------
    ConflictError
        Raised if the generation is not verified, or a range that overlaps is
        certified in the collection.
    """
    ticket = generation.ticket
    check_may(by, Action.CERTIFY, ticket.instrument)
    check_building(ticket)
    check_builds(ticket.repository)
    check_not_being_removed(generation)
    _check_verified(generation)
    wanted = ValidityRange.parse(begin_tai, end_tai)
    begin = parse_tai(begin_tai)
    collection = certified_name(
        ticket.instrument_id,
        ticket.key,
        ticket.tag,
        generation.calib_type,
        generation.rerun,
        generation.band or None,
    )

    def attempt() -> Certification:
        same = generation.certifications.filter(
            collection=collection, begin_tai=begin
        ).first()
        _check_overlap(generation, wanted, same)
        if same is None:
            same = Certification.objects.create(
                ticket=ticket,
                generation=generation,
                collection=collection,
                begin_tai=begin,
                end_tai=wanted.end or "",
                created_by=by,
            )
        else:
            _repeat(same, wanted, by)
        _enqueue(same, by, task)
        _record_consequences(same, wanted, by)
        return same

    return claim_name(attempt)


def certify_generation(recorder: JobRecorder) -> None:
    """Certify the run's calibrations, then define or extend the ticket's chain.

    Each part leaves what is there already as it is, so the job can be run again.
    """
    certification = Certification.objects.select_related(
        "generation", "ticket__repository__facility"
    ).get(pk=recorder.job.parameters["certification"])
    check_is_current(certification, recorder.job)
    ticket, generation = certification.ticket, certification.generation
    check_building(ticket)  # the job may be run again after the set was hailed
    gateway = open_gateway(ticket.repository, recorder, instrument=ticket.instrument_id)
    kept = _leave_out_superseded(gateway, certification)
    n_datasets = gateway.certify_calibration(
        generation.collection,
        generation.calib_type,
        certification.collection,
        certification.begin_tai,
        certification.end_tai or None,
        chain=chain_of(ticket),
    )
    if certification.collection not in kept:
        # What was certified last is found first.
        kept = gateway.define_chain(
            chain_of(ticket), [certification.collection, *kept]
        ).after
    keep_outcome(certification, n_datasets=n_datasets)
    holds = ValidityRange(certification.begin_tai, certification.end_tai or None)
    recorder.say(
        f"{n_datasets} datasets are valid {holds}; {chain_of(ticket)} holds "
        f"{', '.join(kept)}."
    )


def _leave_out_superseded(
    gateway: ButlerGateway, certification: Certification
) -> list[str]:
    """Take out of the chain what a sent-back set had of this type; list what stays."""
    ticket = certification.ticket
    chain = chain_of(ticket)
    found = next((one.children for one in gateway.collections(chain)), [])
    done = ticket.certifications.select_related("generation").filter(
        status=StepStatus.SUCCEEDED
    )
    gone = superseded([*done, certification])
    kept = [child for child in found if child not in gone]
    if kept != found:
        gateway.define_chain(chain, kept)
    return kept


def _check_verified(generation: Generation) -> None:
    if generation.status != StepStatus.SUCCEEDED:
        raise ConflictError(
            f"{generation} is {generation.status}: only a generation that succeeded "
            "can be certified."
        )
    if not specification(generation.calib_type).is_verified:
        return  # it only serves to make other types, whose tests show how good it is
    if not generation.verifications.filter(status=StepStatus.SUCCEEDED).exists():
        raise ConflictError(
            f"{generation} is not verified: run its verification first, then certify."
        )


def _check_overlap(
    generation: Generation, wanted: ValidityRange, same: Certification | None
) -> None:
    """Refuse early what the repository would refuse, naming the ranges."""
    others = generation.certifications.exclude(
        status__in=(StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.REMOVED)
    )
    if same is not None:
        others = others.exclude(pk=same.pk)
    ranges = [ValidityRange(one.begin_tai, one.end_tai or None) for one in others]
    if same and same.status == StepStatus.SUCCEEDED:
        ranges.append(ValidityRange(same.begin_tai, same.end_tai or None))
    clashing = [held for held in ranges if held != wanted and held.overlaps(wanted)]
    if clashing:
        names = "; ".join(str(held) for held in clashing)
        raise ConflictError(
            f"{generation} is certified {names} already, which overlaps with "
            f"{wanted}: choose a range that does not.",
            conflicts=[{"begin": one.begin, "end": one.end} for one in clashing],
        )


def _record_consequences(
    certification: Certification, wanted: ValidityRange, by: User
) -> None:
    """Write down what will rest on an older one: who certifies was told so."""
    found = consequences_of(certification.generation, wanted)
    if found:
        record(
            by=by,
            subject=subject_of(certification.ticket),
            action=f"{certification.generation.label} certified anew: to be rebuilt",
            after=", ".join(one.built.label for one in found)[:255],
            why=" ".join(one.sentence for one in found),
            collections=[one.built.collection for one in found],
        )


def _repeat(certification: Certification, wanted: ValidityRange, by: User) -> None:
    """Queue the same certification again; one that does not hold may get an end."""
    check_not_running(certification)
    move(
        certification,
        field="status",
        to=StepStatus.QUEUED,
        by=by,
        subject=subject_of(certification.ticket),
        why=f"Certified {wanted} again.",
        end_tai=wanted.end or "",
        ended_at=None,
    )


def _enqueue(certification: Certification, by: User, task: Task) -> None:
    generation, ticket = certification.generation, certification.ticket
    job = enqueue_job(
        task,
        kind="certification",
        title=f"Certify {generation.label} {generation.rerun}",
        subject=subject_of(ticket),
        by=by,
        repository=ticket.repository,
        parameters={"certification": certification.pk},
    )
    certification.jobs.add(job)
