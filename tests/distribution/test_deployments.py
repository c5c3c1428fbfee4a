"""Filing, starting, skipping and running again: states, roles and the trail."""

import pytest

from distribution.domain import DeploymentStage, DeploymentStepStatus, TargetStatus
from distribution.models import DeploymentStep, DeploymentTicket
from distribution.services import deployments, progress, tracking
from distribution.tasks import put_back_target, run_deployment_step
from taxicab.board.models import TaxicabStage
from taxicab.core.models import AuditEvent, Job, JobStatus, Repository
from taxicab.core.services.jobs import (
    cancel_job,
    find_lost_jobs,
    requeue_job,
    running_job,
)
from taxicab.errors import ConflictError, ForbiddenError, InputError
from tests.support import deployments as make
from tests.support import people

TASK = run_deployment_step


def start(deployment, deployer):
    return deployments.start_deployment(deployment, by=deployer, task=TASK)


def finish(step, *, result=None):
    """Let a step's job go through its life, as a worker would, without the work."""
    step.refresh_from_db()
    with running_job(step.job_id) as recorder:
        Job.objects.filter(pk=recorder.job.pk).update(result=result or {"done": 1})
    step.refresh_from_db()


def finish_target(target):
    for step in target.steps.all():
        finish(step)
    target.refresh_from_db()


def events(deployment):
    return AuditEvent.objects.filter(
        subject_kind="deployment", subject_key=deployment.key
    )


def test_filing_plans_connected_repositories_only(deployment):
    plan = {
        target.repository.slug: [step.kind for step in target.steps.all()]
        for target in deployment.targets.all()
    }
    assert plan == {
        "usdf-main": ["prepend", "self_review"],
        "summit-LSSTComCam": [
            "export",
            "transfer",
            "import",
            "prepend",
            "tag",
            "self_review",
        ],
    }
    assert deployment.stage == DeploymentStage.FILED
    assert events(deployment).filter(action="filed").exists()


def test_filed_before_adoption_acts_only_after(
    scientist, instrument, connected, deployer
):
    taxicab = make.make_adopted(
        "DM-1", owner=scientist, instrument=instrument, stage=TaxicabStage.HAILED
    )
    # Whoever built the set may file the ticket, as DMTN-222's checklist has it.
    deployment = make.file(taxicab, "DM-2", by=scientist)
    with pytest.raises(ConflictError, match="once the board has adopted"):
        start(deployment, deployer)
    taxicab.stage = TaxicabStage.ADOPTED
    taxicab.save()
    assert start(deployment, deployer).stage == DeploymentStage.DEPLOYING


@pytest.mark.parametrize("key", ["DM-", "dm-7", "DM-7 or 1", "TAXICAB-1", "DM-100"])
def test_bad_keys_are_refused(taxicab, connected, deployer, key):
    with pytest.raises(InputError):
        make.file(taxicab, key, by=deployer)


def test_one_ticket_a_set_and_one_set_a_ticket(deployment, scientist, instrument):
    with pytest.raises(ConflictError, match="has a deployment ticket already: DM-200"):
        make.file(deployment.taxicab, "DM-300", by=scientist)
    other = make.make_adopted(
        "DM-101", owner=scientist, instrument=instrument, number=2
    )
    with pytest.raises(ConflictError, match="There is a deployment ticket DM-200"):
        make.file(other, "DM-200", by=scientist)


@pytest.mark.parametrize("stage", [TaxicabStage.REJECTED, TaxicabStage.WITHDRAWN])
def test_nothing_is_filed_for_a_set_that_was_turned_down(
    scientist, instrument, deployer, stage
):
    taxicab = make.make_adopted(
        "DM-1", owner=scientist, instrument=instrument, stage=stage
    )
    with pytest.raises(ConflictError, match=stage):
        make.file(taxicab, "DM-2", by=deployer)


def test_only_deployers_deploy_and_skip(deployment, scientist, observer, members):
    target = deployment.targets.last()
    for person in (scientist, observer, members[0]):
        with pytest.raises(ForbiddenError, match="role deployer"):
            start(deployment, person)
        with pytest.raises(ForbiddenError, match="role deployer"):
            deployments.skip_target(target, reason="No.", by=person)
    with pytest.raises(ForbiddenError):
        make.file(deployment.taxicab, "DM-300", by=observer)


def test_start_queues_the_first_step_of_each_on_its_queue(deployment, deployer):
    start(deployment, deployer)
    jobs = {job.title: job.queue for job in Job.objects.all()}
    # The export leaves from the origin, whoever it is for.
    assert jobs == {
        "Prepend: USDF /repo/main": "usdf",
        "Export and seal: Summit /repo/LSSTComCam": "usdf",
    }
    statuses = set(deployment.targets.values_list("status", flat=True))
    assert statuses == {TargetStatus.RUNNING}


def test_two_people_cannot_both_start(deployment, deployer):
    as_another_saw_it = DeploymentTicket.objects.get(pk=deployment.pk)
    start(deployment, deployer)
    with pytest.raises(ConflictError):
        start(as_another_saw_it, deployer)
    assert Job.objects.count() == 2


def test_each_success_queues_the_next_and_the_last_implements(deployment, deployer):
    start(deployment, deployer)
    origin, summit = deployment.targets.all()
    finish_target(origin)
    assert origin.status == TargetStatus.DEPLOYED
    steps = list(summit.steps.all())
    finish(steps[0])
    steps[1].refresh_from_db()
    assert steps[1].status == DeploymentStepStatus.QUEUED
    assert (steps[1].job.queue, steps[0].result) == ("usdf", {"done": 1})
    finish(steps[1])
    steps[2].refresh_from_db()
    assert steps[2].job.queue == "summit"
    for step in steps[2:]:
        finish(step)
    deployment.refresh_from_db()
    deployment.taxicab.refresh_from_db()
    assert deployment.stage == DeploymentStage.DEPLOYED
    assert deployment.taxicab.stage == TaxicabStage.IMPLEMENTED
    assert AuditEvent.objects.filter(
        subject_kind="taxicab", after="implemented"
    ).exists()


def test_a_failure_stops_its_target_alone(deployment, deployer):
    start(deployment, deployer)
    origin, summit = deployment.targets.all()
    step = summit.steps.first()
    with running_job(step.job_id):
        raise ConflictError("The disk is full: make room, then run it again.")
    summit.refresh_from_db()
    step.refresh_from_db()
    assert summit.status == TargetStatus.FAILED
    assert step.message == "The disk is full: make room, then run it again."
    assert summit.steps.exclude(status="planned").count() == 1
    finish_target(origin)
    deployment.refresh_from_db()
    assert (origin.status, deployment.stage) == ("deployed", "deploying")
    # Run again, it goes on from there.
    deployments.run_step_again(step, by=deployer, task=TASK)
    finish_target(summit)
    deployment.refresh_from_db()
    assert deployment.stage == DeploymentStage.DEPLOYED


def test_waiting_is_not_passed(deployment, deployer):
    start(deployment, deployer)
    origin = deployment.targets.first()
    prepend, review = origin.steps.all()
    finish(prepend)
    finish(review, result={"status": "waiting"})
    origin.refresh_from_db()
    assert (review.status, origin.status) == ("waiting", "waiting")
    # The scheduler asks again, and nobody is named for it.
    assert deployments.retry_waiting_self_reviews(task=TASK) == 1
    finish(review, result={"status": "passed"})
    origin.refresh_from_db()
    assert origin.status == TargetStatus.DEPLOYED
    assert deployments.retry_waiting_self_reviews(task=TASK) == 0


def test_one_that_cannot_be_retried_keeps_no_other_waiting(deployment, deployer):
    start(deployment, deployer)
    origin, summit = deployment.targets.all()
    for target in (origin, summit):
        *earlier, review = target.steps.all()
        for step in earlier:
            finish(step)
        finish(review, result={"status": "waiting"})
    prepend = origin.steps.first()
    cancel_job(deployments.run_step_again(prepend, by=deployer, task=TASK), by=deployer)
    assert deployments.retry_waiting_self_reviews(task=TASK) == 1
    assert summit.steps.last().status == DeploymentStepStatus.QUEUED
    assert origin.steps.last().status == DeploymentStepStatus.WAITING


def test_skipped_with_a_reason_and_taken_in_again(deployment, deployer):
    origin, summit = deployment.targets.all()
    with pytest.raises(InputError, match="Say why"):
        deployments.skip_target(summit, reason=" ", by=deployer)
    deployments.skip_target(summit, reason="No network.", by=deployer)
    assert (summit.status, summit.skip_reason) == ("skipped", "No network.")
    start(deployment, deployer)
    finish_target(origin)
    deployment.refresh_from_db()
    assert deployment.stage == DeploymentStage.DEPLOYED
    deployments.include_target(summit, by=deployer, task=TASK)
    deployment.refresh_from_db()
    assert (summit.status, deployment.stage) == ("running", "deployed")
    assert summit.skip_reason == ""
    assert summit.steps.first().status == DeploymentStepStatus.QUEUED


def test_what_runs_or_is_deployed_is_not_skipped(deployment, deployer):
    start(deployment, deployer)
    for target in deployment.targets.all():
        with pytest.raises(ConflictError, match="is running"):
            deployments.skip_target(target, reason="Late.", by=deployer)


def test_nothing_to_deploy_to(deployment, deployer):
    for target in deployment.targets.all():
        deployments.skip_target(target, reason="Closed.", by=deployer)
    with pytest.raises(ConflictError, match="no repository to deploy to"):
        start(deployment, deployer)
    deployment.refresh_from_db()
    assert deployment.stage == DeploymentStage.FILED


def test_plan_is_brought_up_to_date_at_the_start(deployment, deployer):
    Repository.objects.filter(queue="summit").update(location="")
    make.connect("TTS", "/repo/LSSTComCam", folder="/none/t", queue="tts")
    start(deployment, deployer)
    slugs = [target.repository.slug for target in deployment.targets.all()]
    assert slugs == ["usdf-main", "tts-LSSTComCam"]


def test_steps_are_run_again_in_order_only(deployment, deployer):
    summit = deployment.targets.last()
    first, second = summit.steps.all()[:2]
    with pytest.raises(ConflictError, match="once it was started"):
        deployments.run_step_again(first, by=deployer, task=TASK)
    start(deployment, deployer)
    first.refresh_from_db()
    second.refresh_from_db()
    with pytest.raises(ConflictError, match="comes after Export and seal"):
        deployments.run_step_again(second, by=deployer, task=TASK)


def test_done_step_runs_again_and_leaves_the_rest_alone(deployment, deployer):
    start(deployment, deployer)
    origin = deployment.targets.first()
    finish_target(origin)
    prepend, review = origin.steps.all()
    old = review.job_id
    deployments.run_step_again(prepend, by=deployer, task=TASK)
    origin.refresh_from_db()
    assert origin.status == TargetStatus.RUNNING
    finish(prepend)
    origin.refresh_from_db()
    review.refresh_from_db()
    assert (origin.status, review.job_id) == (TargetStatus.DEPLOYED, old)


def test_running_step_is_not_started_twice(deployment, deployer):
    start(deployment, deployer)
    step = deployment.targets.first().steps.first()
    with running_job(step.job_id):
        step.refresh_from_db()
        with pytest.raises(ConflictError, match="is running"):
            deployments.run_step_again(step, by=deployer, task=TASK)


def test_queued_step_is_handed_over_anew(deployment, deployer):
    start(deployment, deployer)
    step = deployment.targets.first().steps.first()
    old = step.job
    deployments.run_step_again(step, by=deployer, task=TASK)
    old.refresh_from_db()
    step.refresh_from_db()
    assert (old.status, step.job.status) == (JobStatus.CANCELLED, JobStatus.QUEUED)
    # Should the first message arrive after all, nothing runs twice.
    with pytest.raises(ConflictError, match="not queued"), running_job(old.pk):
        pass
    step.refresh_from_db()
    assert step.status == DeploymentStepStatus.QUEUED


def test_cancelled_and_lost_jobs_fail_their_steps(deployment, deployer, settings):
    start(deployment, deployer)
    origin, summit = (target.steps.first() for target in deployment.targets.all())
    cancel_job(origin.job, by=deployer)
    origin.refresh_from_db()
    assert origin.status == DeploymentStepStatus.FAILED
    assert "Cancelled by omar" in origin.message
    settings.JOB_LOST_AFTER_S = -1
    Job.objects.filter(pk=summit.job_id).update(status=JobStatus.RUNNING)
    DeploymentStep.objects.filter(pk=summit.pk).update(status="running")
    Job.objects.filter(pk=summit.job_id).update(heartbeat_at="2026-01-01T00:00Z")
    assert find_lost_jobs() == 1
    summit.refresh_from_db()
    assert summit.status == DeploymentStepStatus.FAILED
    assert "was lost" in summit.message


def test_roll_back_asks_first_whether_there_is_anything(deployment, deployer):
    start(deployment, deployer)
    origin = deployment.targets.first()
    with pytest.raises(ConflictError, match="once the set was prepended"):
        deployments.roll_back(origin, reason="Bad.", by=deployer, task=put_back_target)
    finish_target(origin)
    with pytest.raises(InputError, match="Say why"):
        deployments.roll_back(origin, reason="", by=deployer, task=put_back_target)
    job = deployments.roll_back(
        origin, reason="Bad.", by=deployer, task=put_back_target
    )
    assert (job.queue, job.kind) == ("usdf", "deployment_rollback")


def test_withdrawn_before_it_was_started(deployment, deployer):
    deployments.withdraw_deployment(deployment, by=deployer, why="Filed twice.")
    assert deployment.stage == DeploymentStage.WITHDRAWN
    with pytest.raises(ConflictError, match="is withdrawn"):
        start(deployment, deployer)


def test_every_visible_change_raises_the_revision(deployment, deployer):
    seen = [deployment.revision]

    def look():
        deployment.refresh_from_db()
        seen.append(deployment.revision)

    origin, summit = deployment.targets.all()
    deployments.skip_target(summit, reason="Later.", by=deployer)
    look()
    deployments.include_target(summit, by=deployer, task=TASK)
    look()
    start(deployment, deployer)
    look()
    for step in origin.steps.all():
        finish(step)
        look()
    assert seen == sorted(set(seen))


def test_tracking_shows_every_ticket_and_repository(
    deployment, deployer, observer, scientist, instrument, django_assert_max_num_queries
):
    make.make_adopted(
        "DM-102",
        owner=scientist,
        instrument=instrument,
        number=2,
        stage=TaxicabStage.HAILED,
    )
    summit = deployment.targets.last()
    deployments.skip_target(summit, reason="No network.", by=deployer)
    with django_assert_max_num_queries(7):
        second, first = tracking.tracking_rows(observer)
    assert (first.taxicab, first.construction, first.deployment) == (
        "TAXICAB-1",
        "DM-100",
        "DM-200",
    )
    cells = {cell.repository: cell for cell in first.cells}
    assert len(cells) == Repository.objects.count()
    assert cells["usdf-main"].status == "planned"
    assert cells["summit-LSSTComCam"].status == "skipped"
    assert cells["summit-LSSTComCam"].reason == "No network."
    assert cells["summit-LATISS"].status == "not held"
    assert cells["usdf-embargo"].status == "not connected"
    assert second.deployment == ""
    assert {cell.status for cell in second.cells} == {
        "not planned",
        "not held",
        "not connected",
    }


def test_tracking_keeps_to_the_cameras_somebody_may_read(deployment):
    from taxicab.core.models import Instrument

    other = people.make_person("una", "observer", Instrument.objects.get(name="LATISS"))
    assert tracking.tracking_rows(other) == []
    assert not DeploymentTicket.objects.readable_by(other).exists()


def test_settling_is_the_same_whoever_asks(deployment, deployer):
    start(deployment, deployer)
    origin = deployment.targets.first()
    progress.settle_target(origin, by=None)
    progress.settle_target(origin, by=None)
    assert events(deployment).filter(after="running", before="planned").count() == 2


def test_no_job_is_run_again_where_its_step_would_not_be(deployment, deployer):
    start(deployment, deployer)
    summit = deployment.targets.last()
    step = summit.steps.first()
    job = step.job
    cancel_job(job, by=deployer)
    summit.refresh_from_db()
    deployments.skip_target(summit, reason="Warm.", by=deployer)
    requeue_job(job, by=deployer)
    run_deployment_step(job.pk)
    job.refresh_from_db()
    assert (job.status, "is skipped (Warm.)" in job.message) == ("failed", True)

    summit.refresh_from_db()
    deployments.include_target(summit, by=deployer, task=TASK)
    step.refresh_from_db()
    assert step.job != job
    requeue_job(job, by=deployer)
    run_deployment_step(job.pk)
    job.refresh_from_db()
    step.refresh_from_db()
    assert (job.status, "later job" in job.message) == ("failed", True)
    assert step.status == DeploymentStepStatus.QUEUED


@pytest.mark.parametrize("url", ["ftp://example.org/", "https://e.org/" + "x" * 200])
def test_the_link_of_a_deployment_is_one_and_fits(taxicab, deployer, url):
    with pytest.raises(InputError, match=r"http\(s\) address|are kept"):
        deployments.file_deployment(taxicab, key="DM-7", by=deployer, url=url)


def test_a_withdrawn_deployment_leaves_room_for_another(deployment, taxicab, deployer):
    deployments.withdraw_deployment(deployment, by=deployer, why="Filed by mistake.")
    deployment.refresh_from_db()
    again = deployments.file_deployment(taxicab, key="DM-201", by=deployer)
    assert again.key == "DM-201"
    assert again.stage == "filed"
    assert again.revision > deployment.revision
    assert again.targets.count() == 2
    with pytest.raises(ConflictError, match="DM-201"):
        deployments.file_deployment(taxicab, key="DM-202", by=deployer)
