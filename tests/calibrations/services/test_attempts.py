"""Which attempt a request is: fingerprints, letters, jobs and what follows them."""

from datetime import timedelta

import pytest
from django.utils import timezone

from calibrations import tasks
from calibrations.domain.names import next_attempt
from calibrations.models import (
    Certification,
    Generation,
    Selection,
    SelectionPurpose,
    SelectionStatus,
    StepStatus,
)
from calibrations.services import generation as generations
from calibrations.services.certification import request_certification
from calibrations.services.chains import certified, step_inputs
from calibrations.services.generation import request_generation
from calibrations.services.verification import request_verification
from taxicab.core.models import Job
from taxicab.core.services.jobs import cancel_job, find_lost_jobs, requeue_job
from taxicab.errors import ConflictError, ForbiddenError, InputError
from tests.support import construction as make

VERSIONS = {"lsst-daf-butler": "30.0.11"}


@pytest.fixture
def ticket(paper_place, scientist, instrument):
    return make.make_ticket(scientist, instrument)


def select(ticket, kind="bias", *, ids=range(15), night=make.FIRST_NIGHT, **changes):
    """A selection as the Butler would have answered it."""
    values = {
        "purpose": SelectionPurpose.GENERATION,
        "status": SelectionStatus.READY,
        "physical_filter": make.FILTERS.get(kind, ""),
        "band": "r" if kind in make.FILTERS else "",
        "versions": VERSIONS,
    } | changes
    exposures = [
        {
            "id": night * 100_000 + i,
            "day_obs": night,
            "begin_tai": f"{night // 10000}-{night // 100 % 100:02}-{night % 100:02}"
            "T22:00:00",
        }
        for i in ids
    ]
    return Selection.objects.create(
        ticket=ticket,
        calib_type=kind,
        where=make.where(kind, night),
        exposures=exposures,
        created_by=ticket.owner,
        **values,
    )


def ask(ticket, selection, **options):
    return request_generation(
        ticket,
        selection=selection,
        by=ticket.owner,
        task=tasks.generate_calibration,
        **options,
    )


def end(step, status=StepStatus.SUCCEEDED):
    """End a step as its job would."""
    type(step).objects.filter(pk=step.pk).update(status=status)
    step.refresh_from_db()
    return step


def certify_by_hand(generation, begin=make.BEGIN):
    return Certification.objects.create(
        ticket=generation.ticket,
        generation=generation,
        collection=generation.collection.replace("Gen", ""),
        begin_tai=begin,
        status=StepStatus.SUCCEEDED,
        created_by=generation.created_by,
    )


def test_the_same_request_is_the_same_attempt(ticket):
    first = end(ask(ticket, select(ticket)), StepStatus.FAILED)

    # Another expression that finds the same exposures changes nothing.
    again = ask(ticket, select(ticket, ids=reversed(range(15))))
    assert (again.pk, again.jobs.count()) == (first.pk, 2)
    with pytest.raises(ConflictError, match="queued already"):
        ask(ticket, select(ticket))

    # Exposures, configuration or versions do.
    letters = [
        ask(ticket, select(ticket, ids=range(14))).rerun[-1],
        ask(ticket, select(ticket), configuration={"cpBiasCombine:x": 2}).rerun[-1],
        ask(ticket, select(ticket, versions={"lsst-daf-butler": "30.1.0"})).rerun[-1],
    ]
    assert letters == ["b", "c", "d"]


def test_two_people_take_two_letters(ticket, monkeypatch):
    # The other one's row is written between this one's look and this one's row: the
    # first name that is tried is taken.
    other = ask(ticket, select(ticket, ids=range(12)))
    looks = [[]]

    def look_once_too_early(existing, *arguments, **options):
        return next_attempt(looks.pop() if looks else existing, *arguments, **options)

    monkeypatch.setattr(generations, "next_attempt", look_once_too_early)
    mine = ask(ticket, select(ticket))
    assert looks == []
    assert (other.rerun[-1], mine.rerun[-1]) == ("a", "b")
    assert mine.jobs.count() == 1


def test_after_z_comes_a_sentence(ticket):
    first = ask(ticket, select(ticket))
    Generation.objects.filter(pk=first.pk).update(
        collection=first.collection[:-1] + "z"
    )
    with pytest.raises(ConflictError, match="from a to z"):
        ask(ticket, select(ticket, ids=range(14)))


def test_a_dark_needs_a_bias_that_covers_its_exposures(ticket):
    defects = {"defects": ["LSSTComCam/calib/DM-1/curated"]}
    darks = select(ticket, "dark", precursors=defects)
    with pytest.raises(ConflictError, match="needs a bias"):
        ask(ticket, darks)
    bias = end(ask(ticket, select(ticket)))
    held = certify_by_hand(bias, begin="2026-11-10T12:00:00")
    with pytest.raises(ConflictError, match="valid for its exposures"):
        ask(ticket, darks)
    Certification.objects.filter(pk=held.pk).update(begin_tai=make.BEGIN)
    assert ask(ticket, darks).input_collections[0] == "LSSTComCam/calib/DM-47447"

    # One of an earlier ticket serves as well, in the default chain.
    other = make.make_ticket(ticket.owner, ticket.instrument, key="DM-2")
    both = {"bias": ["LSSTComCam/calib/DM-1/a"], **defects}
    found = select(other, "dark", precursors=both)
    inputs = ask(other, found).input_collections
    assert inputs == ["LSSTComCam/raw/all", "LSSTComCam/calib"]


def test_an_iteration_replaces_what_it_builds_anew(ticket, members):
    bias = end(ask(ticket, select(ticket)))
    held = certify_by_hand(bias)
    assert step_inputs(ticket, "dark").held == [held.collection]
    assert step_inputs(ticket, "bias").held == []

    type(ticket).objects.filter(pk=ticket.pk).update(iteration=2)
    ticket.refresh_from_db()
    assert certified(ticket) == [held]
    better = end(ask(ticket, select(ticket, ids=range(1, 15))))
    assert better.iteration == 2
    assert certified(ticket) == [held]
    assert certified(ticket) != [certify_by_hand(better)]
    assert [one.generation for one in certified(ticket)] == [better]


def test_a_step_follows_its_last_job(ticket, settings):
    step = ask(ticket, select(ticket))
    job = step.jobs.get()
    cancel_job(job, by=ticket.owner)
    step.refresh_from_db()
    assert step.status == StepStatus.CANCELLED
    assert step.ended_at is not None

    # A worker that dies takes its job with it; a later job is what counts.
    later = ask(ticket, select(ticket)).jobs.latest("pk")
    long_ago = timezone.now() - timedelta(seconds=settings.JOB_LOST_AFTER_S + 1)
    Job.objects.filter(pk=later.pk).update(status="running", heartbeat_at=long_ago)
    find_lost_jobs()
    step.refresh_from_db()
    assert step.status == StepStatus.FAILED
    with pytest.raises(ConflictError, match="not queued"):
        tasks.generate_calibration(job.pk)


@pytest.mark.parametrize("kind", ["generation", "verification", "certification"])
def test_no_job_is_run_again_once_the_board_has_the_set(ticket, kind):
    generation = end(ask(ticket, select(ticket)))
    make.mark_verified(generation)
    step, task = {
        "generation": lambda: (
            ask(ticket, generation.selection),
            tasks.generate_calibration,
        ),
        "verification": lambda: (
            request_verification(
                generation, by=ticket.owner, task=tasks.verify_calibration
            ),
            tasks.verify_calibration,
        ),
        "certification": lambda: (
            request_certification(
                generation,
                begin_tai=make.BEGIN,
                by=ticket.owner,
                task=tasks.certify_calibration,
            ),
            tasks.certify_calibration,
        ),
    }[kind]()
    job = step.jobs.latest("pk")
    cancel_job(job, by=ticket.owner)
    type(ticket).objects.filter(pk=ticket.pk).update(stage="hailed")
    requeue_job(job, by=ticket.owner)
    task(job.pk)
    job.refresh_from_db()
    assert (job.status, "is hailed" in job.message) == ("failed", True)


def test_what_may_not_run_is_refused(ticket, observer, members):
    chosen = select(ticket)
    with pytest.raises(ForbiddenError):
        request_generation(
            ticket, selection=chosen, by=observer, task=tasks.generate_calibration
        )
    with pytest.raises(ConflictError, match="not looked up"):
        ask(ticket, select(ticket, status=SelectionStatus.LOOKING))
    with pytest.raises(InputError, match="for bias verification"):
        ask(ticket, select(ticket, purpose=SelectionPurpose.VERIFICATION))
    other = make.make_ticket(ticket.owner, ticket.instrument, key="DM-2")
    with pytest.raises(InputError, match="belongs to DM-47447"):
        ask(other, chosen)
    type(ticket).objects.filter(pk=ticket.pk).update(stage="hailed")
    ticket.refresh_from_db()
    with pytest.raises(ConflictError, match="is hailed"):
        ask(ticket, chosen)


def test_ranges_of_a_certification(ticket):
    bias = end(ask(ticket, select(ticket)))
    make.mark_verified(bias)

    def certify(begin, finish=""):
        return request_certification(
            bias,
            begin_tai=begin,
            end_tai=finish,
            by=ticket.owner,
            task=tasks.certify_calibration,
        )

    with pytest.raises(InputError, match="end must come later"):
        certify("2026-11-10", "2026-11-09")
    with pytest.raises(InputError, match="not a date"):
        certify("yesterday")
    # A historical set ends; what follows begins there, half-open.
    first = certify("2026-11-01", "2026-11-09")
    assert (first.begin_tai, first.end_tai) == (
        "2026-11-01T00:00:00",
        "2026-11-09T00:00:00",
    )
    assert certify("2026-11-09").collection == first.collection
    with pytest.raises(ConflictError, match="until 2026-11-09T00:00:00 TAI") as caught:
        certify("2026-11-08", "2026-11-08T12:00:00")
    assert caught.value.details["conflicts"] == [
        {"begin": "2026-11-01T00:00:00", "end": "2026-11-09T00:00:00"}
    ]
