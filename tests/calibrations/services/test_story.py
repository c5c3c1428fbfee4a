"""A set from selection to certification, on a real repository."""

import json

import pytest

from calibrations import tasks
from calibrations.models import StepStatus
from calibrations.services.checklist import checklist
from calibrations.services.generation import request_generation
from calibrations.services.record import (
    commands_in_order,
    construction_record,
    render_json,
    render_markdown,
)
from calibrations.services.removal import request_removal
from calibrations.services.repositories import open_gateway
from calibrations.services.retraction import request_retraction
from taxicab.core.models import Job
from taxicab.core.services.jobs import requeue_job
from taxicab.errors import ConflictError
from tests.support import construction as make
from tests.support.brief import brief_pipelines


@pytest.fixture
def build_place(build_place, tmp_path):
    """The build repository, where verifications draw nothing."""
    pipelines = brief_pipelines(tmp_path / "site", ("verifyBias", "verifyDark"))
    build_place.butler = {**build_place.butler, "pipelines": pipelines}
    build_place.save()
    return build_place


def test_builds_a_bias_and_a_dark_from_it(ticket, scientist, tmp_path):
    gateway = open_gateway(ticket.repository, instrument="LSSTComCam")

    # Three frames are fewer than a bias takes: nothing runs until somebody answers.
    few = make.look_up(ticket, "bias", scientist)
    assert [problem["code"] for problem in few.problems] == ["count"]
    with pytest.raises(ConflictError, match="3 exposures were found"):
        make.generate(ticket, few, scientist)
    chosen = make.choose(ticket, "bias", scientist)

    # A dark needs a bias and defects that are certified; the refusal names both.
    dark_inputs = make.choose(ticket, "dark", scientist)
    with pytest.raises(
        ConflictError, match=r"a bias and a defects .* certify the bias and the defects"
    ):
        make.generate(ticket, dark_inputs, scientist)

    # The observatory's own defects serve; they are found when exposures are chosen.
    curated = make.curate_defects(ticket, tmp_path / "curated")
    assert (curated.certified, curated.bad_files) == (1, {})
    with pytest.raises(ConflictError, match=r"bias and the defects first"):
        make.generate(ticket, dark_inputs, scientist)
    dark_inputs = make.choose(ticket, "dark", scientist)
    assert dark_inputs.precursors == {"defects": [curated.collection]}
    with pytest.raises(ConflictError, match=r"needs a bias .* certify the bias first"):
        make.generate(ticket, dark_inputs, scientist)

    bias = make.generate(ticket, chosen, scientist)
    job = bias.jobs.get()
    assert bias.status == StepStatus.SUCCEEDED, make.tell(bias)
    assert (
        bias.collection == f"LSSTComCam/calib/DM-47447/gainFixup/biasGen.{bias.rerun}"
    )
    assert bias.rerun.endswith("a")
    assert bias.datasets["bias"] == 1
    assert (job.done, job.failed) == (job.planned, 0)

    # Not verified: not certified.
    with pytest.raises(ConflictError, match="not verified"):
        make.certify(bias, scientist)
    later = make.choose(ticket, "bias", scientist, night=make.SECOND_NIGHT)
    verification = make.verify(bias, scientist, [chosen, later])
    assert verification.jobs.get().message.endswith("beyond their limit.")
    assert verification.input_collections[0] == bias.collection
    assert verification.criteria_version
    exposures = verification.results.values_list("exposure", flat=True).distinct()
    assert set(exposures) - {0} == {*chosen.exposure_ids, *later.exposure_ids}
    results = verification.results.count()

    # Verifying again replaces its results, it does not add to them.
    again = make.verify(bias, scientist, [later])
    assert (again.pk, again.results.count()) == (verification.pk, results)

    certification = make.certify(bias, scientist)
    assert certification.status == StepStatus.SUCCEEDED, make.tell(certification)
    assert certification.n_datasets == 1
    rows = gateway.validity("LSSTComCam/calib/DM-47447")
    assert {(r.type, r.begin, r.end, r.run) for r in rows if r.type == "bias"} == {
        ("bias", make.BEGIN, None, bias.collection)
    }
    # Certifying again is no harm, another range that overlaps is refused.
    assert make.certify(bias, scientist).pk == certification.pk
    with pytest.raises(ConflictError, match="from 2026-11-09T12:00:00 TAI on already"):
        make.certify(bias, scientist, begin_tai="2026-11-10")

    # Now the dark finds it, in the ticket's chain.
    dark = make.generate(ticket, dark_inputs, scientist)
    assert dark.status == StepStatus.SUCCEEDED, make.tell(dark)
    assert dark.precursors == {
        "bias": certification.collection,
        "defects": curated.collection,
    }
    assert dark.input_collections == [
        "LSSTComCam/calib/DM-47447",
        "LSSTComCam/raw/all",
        "LSSTComCam/calib",
    ]
    make.verify(dark, scientist)
    make.certify(dark, scientist)
    (chain,) = gateway.collections("LSSTComCam/calib/DM-47447")
    # The newest first, and what is curated behind all.
    assert chain.children == [
        f"LSSTComCam/calib/DM-47447/gainFixup/dark.{dark.rerun}",
        f"LSSTComCam/calib/DM-47447/gainFixup/bias.{bias.rerun}",
        curated.collection,
    ]

    # What is certified stays: the run cannot be removed, and the bias asked for again
    # is the same attempt.
    with pytest.raises(ConflictError, match="links to its datasets"):
        request_removal(bias, by=scientist, why="Space.", task=tasks.remove_generation)
    assert make.generate(ticket, chosen, scientist).pk == bias.pk

    done = {line.text.split(" ")[0]: line.is_done for line in checklist(ticket)}
    assert done["Select"]
    assert not done["Create"]
    record = construction_record(ticket)
    assert json.loads(render_json(record)) == record
    text = render_markdown(record)
    assert bias.collection in text
    assert "A test has few." in text
    lines = [line for job in commands_in_order(ticket) for line in job["commands"]]
    order = [
        next(i for i, line in enumerate(lines) if word in line)
        for word in ("biasGen", "verifyBias", "certify-calibrations", "darkGen")
    ]
    assert order == sorted(order)


def test_another_attempt_takes_the_next_letter_and_may_be_removed(ticket, scientist):
    chosen = make.choose(ticket, "bias", scientist)
    first = make.generate(ticket, chosen, scientist, configuration={"no:such": 1})
    assert first.status == StepStatus.FAILED
    job = first.jobs.get()
    assert "has no task 'no'" in job.message

    # Run again it fails again, as the same attempt under the same letter.
    requeue_job(job, by=scientist)
    first.refresh_from_db()
    assert first.status == StepStatus.QUEUED
    assert make.run(first, tasks.generate_calibration).status == StepStatus.FAILED

    # The next one is cancelled once a worker has it, and goes on where it stopped.
    second = request_generation(
        ticket, selection=chosen, by=scientist, task=tasks.generate_calibration
    )
    job = second.jobs.get()
    Job.objects.filter(pk=job.pk).update(cancel_requested_by=scientist)
    assert make.run(second, tasks.generate_calibration).status == StepStatus.CANCELLED
    requeue_job(job, by=scientist)
    assert make.run(second, tasks.generate_calibration).status == StepStatus.SUCCEEDED
    assert (first.rerun[-1], second.rerun[-1]) == ("a", "b")
    assert second.rerun[:8] == first.rerun[:8]

    # What was certified by mistake is taken back, and then nothing links to the run.
    make.mark_verified(second)
    mistake = make.certify(second, scientist, begin_tai="2062-11-09")
    job = request_retraction(
        mistake, by=scientist, why="A slip.", task=tasks.retract_certification
    )
    tasks.retract_certification(job.pk)
    mistake.refresh_from_db()
    assert mistake.status == StepStatus.REMOVED
    right = make.certify(second, scientist)
    assert right.status == StepStatus.SUCCEEDED, make.tell(right)
    gateway = open_gateway(ticket.repository, instrument="LSSTComCam")
    rows = gateway.validity("LSSTComCam/calib/DM-47447")
    assert [(row.begin, row.end) for row in rows] == [(make.BEGIN, None)]
    job = request_retraction(
        right, by=scientist, why="A trial.", task=tasks.retract_certification
    )
    tasks.retract_certification(job.pk)

    job = request_removal(
        second, by=scientist, why="A trial.", task=tasks.remove_generation
    )
    with pytest.raises(ConflictError, match="being removed"):
        make.generate(ticket, chosen, scientist)
    tasks.remove_generation(job.pk)
    second.refresh_from_db()
    assert (second.status, second.datasets) == (StepStatus.REMOVED, {})
    assert gateway.collections(second.collection) == []

    # Its letter is used up, in the Butler and here.
    third = make.generate(ticket, chosen, scientist)
    assert third.rerun[-1] == "c"
