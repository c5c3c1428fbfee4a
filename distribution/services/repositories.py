"""What repositories hold, as their own workers saw it last."""

from dataclasses import asdict

from celery import Task
from django.contrib.auth.models import User

from calibrations.services.repositories import open_gateway
from distribution.models import RepositorySnapshot
from taxicab.core.models import Instrument, Job, Repository
from taxicab.core.roles import Action
from taxicab.core.services.jobs import JobRecorder, enqueue_job
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError

__all__ = ["find_snapshot", "request_snapshot", "take_snapshot"]


def find_snapshot(
    repository: Repository, instrument: Instrument
) -> RepositorySnapshot | None:
    """Find what a repository held; none when that is unknown, or known too long ago."""
    snapshot = RepositorySnapshot.objects.filter(
        repository=repository, instrument=instrument
    ).first()
    return None if snapshot is None or snapshot.is_old else snapshot


def request_snapshot(
    repository: Repository, *, instrument: Instrument, by: User, task: Task
) -> Job:
    """Ask a repository's workers to look what its default chain holds.

    Whoever asks while somebody's look is under way is given that one.
    """
    check_may(by, Action.READ, instrument)
    if not repository.is_connected:
        raise ConflictError(
            f"{repository} is not connected, so nobody can look what it holds."
        )
    looking = Job.objects.unfinished().filter(
        kind="snapshot",
        repository=repository,
        parameters__instrument=instrument.name,
    )
    if job := looking.first():
        return job
    return enqueue_job(
        task,
        kind="snapshot",
        title=f"Look at {repository}",
        subject=("repository", repository.slug),
        by=by,
        repository=repository,
        parameters={"instrument": instrument.name},
    )


def take_snapshot(recorder: JobRecorder) -> RepositorySnapshot:
    """Look and keep what was seen, in place of what was seen before."""
    job = recorder.job
    instrument = job.parameters["instrument"]
    assert job.repository is not None  # written by request_snapshot
    gateway = open_gateway(job.repository, recorder, instrument=instrument)
    chain = gateway.settings.default_chain
    found = gateway.collections([chain, f"{chain}/*", f"{instrument}/calib_tagged/*"])
    children = {info.name: info.children for info in found}
    snapshot, _ = RepositorySnapshot.objects.update_or_create(
        repository=job.repository,
        instrument_id=instrument,
        defaults={
            "chain": children.get(chain, []),
            "collections": [asdict(info) for info in found],
            "job": job,
        },
    )
    recorder.say(f"{chain} holds {len(snapshot.chain)} sets.")
    return snapshot
