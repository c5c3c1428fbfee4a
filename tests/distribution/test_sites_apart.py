"""Sites apart: workers with disjoint queues and folders; only the export crosses.

Real Celery workers on a real Redis. Each site's environment gives another folder for
the same variable, and a site's worker that took another site's step would not find
what it needs.
"""

import contextlib
import os
import random
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.db import connection, transaction

from distribution.domain import StepKind
from distribution.models import DeploymentStep, DeploymentTicket
from distribution.services import deployments
from distribution.services.progress import raise_revision
from distribution.tasks import run_deployment_step
from taxicab.core.models import Instrument, Job
from taxicab.core.processes import running_redis, running_workers
from taxicab.core.services.jobs import find_lost_jobs
from tests.support import deployments as make
from tests.support import sites
from tests.support.databases import portal_database

pytestmark = pytest.mark.long

PATIENCE_S = 120
SETTLED = {"waiting", "deployed", "failed"}


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis.url


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """One set with one large file, so that its copy takes a while."""
    return sites.make_template(
        tmp_path_factory.mktemp("sites"), shapes={2: (1500, 1500)}
    )


def make_sites(folder, template):
    """Two sites; what they share is the database and a wire between two inboxes."""
    origin = sites.Site("usdf", folder / "usdf").hold(template / "origin")
    summit = sites.Site("summit", folder / "summit").hold(template / "site")
    # The same words mean another folder at each site.
    place = "$TAXICAB_DATA/repos/butler"
    make.connect("USDF", "/repo/main", folder=place, queue="usdf")
    make.connect(
        "Summit",
        "/repo/LSSTComCam",
        folder=place,
        queue="summit",
        inbox="$SUMMIT_INBOX",
    )
    (summit.folder / "inbox").mkdir()
    (origin.folder / "mnt").mkdir()
    # As the origin mounts it, and as the summit calls it.
    (origin.folder / "mnt" / "summit").symlink_to(summit.folder / "inbox")
    return origin, summit


def environments(both, *, database, redis_url):
    origin, summit = both
    common = {"database": database, "redis_url": redis_url}
    return {
        "usdf": sites.worker_environment(
            origin, SUMMIT_INBOX=str(origin.folder / "mnt" / "summit"), **common
        ),
        "summit": sites.worker_environment(
            summit, SUMMIT_INBOX=str(summit.folder / "inbox"), **common
        ),
    }


def start(deployer):
    instrument = Instrument.objects.get(pk=sites.INSTRUMENT)
    taxicab = make.make_certified(
        "DM-100", number=1, owner=deployer, instrument=instrument
    )
    deployment = make.file(taxicab, "DM-200", by=deployer)
    return deployments.start_deployment(
        deployment, by=deployer, task=run_deployment_step
    )


def wait_until(is_true, what):
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline, what()
        time.sleep(0.05)


def stories(deployment):
    """Each step and how it stands, for the sentence of a failed test."""
    steps = DeploymentStep.objects.filter(target__deployment=deployment)
    return [(str(s), s.status, s.message, s.job and s.job.log) for s in steps]


def is_settled(deployment):
    return set(deployment.targets.values_list("status", flat=True)) <= SETTLED


@dataclass
class Unbroken:
    """A deployment that nobody disturbed: what it did, and what it left."""

    origin: sites.Site
    summit: sites.Site
    statuses: dict[str, str]
    steps: list
    jobs: list
    inventories: dict


@pytest.fixture(scope="module")
def unbroken(
    tmp_path_factory, database_template, django_db_blocker, template, redis_url
):
    folder = tmp_path_factory.mktemp("unbroken")
    database = Path(shutil.copy(database_template, folder / "portal.sqlite3"))
    with django_db_blocker.unblock(), portal_database(database):
        both = make_sites(folder, template)
        by_site = environments(both, database=database, redis_url=redis_url)
        with (
            sites.broker(redis_url),
            running_workers(["usdf"], folder / "logs", by_site["usdf"]),
            running_workers(["summit"], folder / "logs", by_site["summit"]),
        ):
            deployment = start(get_user_model().objects.get(username="omar"))
            wait_until(lambda: is_settled(deployment), lambda: stories(deployment))
        return Unbroken(
            *both,
            statuses={t.repository.queue: t.status for t in deployment.targets.all()},
            steps=list(
                DeploymentStep.objects.filter(target__is_origin=False).values_list(
                    "kind", "job__queue"
                )
            ),
            jobs=list(Job.objects.values_list("queue", "worker")),
            inventories={s.name: sites.inventory(s.repository) for s in both},
        )


def test_whole_deployment_between_sites_that_share_no_folder(unbroken):
    origin, summit = unbroken.origin, unbroken.summit
    # No raw is there yet, so both wait for their self-review, having all else.
    assert unbroken.statuses == {"usdf": "waiting", "summit": "waiting"}
    assert unbroken.steps == [
        ("export", "usdf"),
        ("transfer", "usdf"),
        ("import", "summit"),
        ("prepend", "summit"),
        ("tag", "summit"),
        ("self_review", "summit"),
    ]
    # Each queue's jobs were taken by one worker, and it is another one's.
    workers = set(unbroken.jobs)
    assert len(workers) == 2
    assert {queue for queue, _ in workers} == {"usdf", "summit"}
    assert sites.chain(origin.repository) == [sites.chain_of("DM-100")]
    assert sites.chain(summit.repository) == [sites.chain_of("DM-100")]
    # The sealed folder stayed at the origin; what crossed is in the summit's inbox.
    assert (origin.folder / "work" / "exports" / "DM-200").is_dir()
    assert not (summit.folder / "work" / "exports").exists()
    assert (summit.folder / "inbox" / "DM-200" / "manifest.json").is_file()


# Which steps are killed in which order, and how often; the transfer inside its file.
KILLS = {
    ("usdf", StepKind.PREPEND): 1,
    ("usdf", StepKind.SELF_REVIEW): 1,
    ("summit", StepKind.EXPORT): 2,
    ("summit", StepKind.TRANSFER): 1,
    ("summit", StepKind.IMPORT): 3,
    ("summit", StepKind.PREPEND): 1,
    ("summit", StepKind.TAG): 1,
    ("summit", StepKind.SELF_REVIEW): 1,
}


def test_killed_workers_leave_what_an_unbroken_deployment_leaves(
    portal, template, redis_url, tmp_path, unbroken, settings
):
    settings.JOB_LOST_AFTER_S = 0
    both = make_sites(tmp_path, template)
    slow_file = SlowFile(*both)
    random_delay = random.Random(222).uniform
    database = tmp_path / "portal.sqlite3"
    by_site = environments(both, database=database, redis_url=redis_url)
    left = dict(KILLS)
    revisions = []
    with sites.broker(redis_url):
        deployment = start(portal)
        while not is_settled(deployment):
            # One worker at a time: that of the site whose step is queued.
            queue = next_queue(deployment)
            with running_workers([queue], tmp_path / "logs", by_site[queue]) as workers:
                work_or_die(workers[queue], queue, left, random_delay, slow_file)
            take_up_again(deployment, portal)
            deployment.refresh_from_db()
            revisions.append(deployment.revision)
    assert sum(left.values()) == 0
    assert sum(KILLS.values()) >= 10
    assert revisions == sorted(revisions)
    assert {t.status for t in deployment.targets.all()} == {"waiting"}
    for site in both:
        assert sites.inventory(site.repository) == unbroken.inventories[site.name]
        assert sites.strays(site.repository) == []


def next_queue(deployment):
    steps = DeploymentStep.objects.filter(target__deployment=deployment)
    return steps.filter(status="queued").values_list("job__queue", flat=True).first()


class SlowFile:
    """A pipe in the place of a half-copied file: it takes what the test reads.

    So the worker that is killed is inside that file, however fast the disk.
    """

    def __init__(self, origin, summit):
        big = next(origin.repository.rglob("bias_*R22_S02*.fits"))
        name = f"{big.relative_to(origin.repository)}.part"
        self.path = summit.folder / "inbox" / ".DM-200.partial" / name
        self.path.parent.mkdir(parents=True)
        os.mkfifo(self.path)

    def kill_inside(self, worker):
        """Wait for the first bytes, kill, and leave what a killed copy leaves."""
        pipe = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK)
        begun = bytearray()

        def has_begun():
            with contextlib.suppress(BlockingIOError):
                begun.extend(os.read(pipe, 1 << 16))
            return bool(begun)

        wait_until(has_begun, lambda: "no byte of the file came")
        worker.kill()
        os.close(pipe)
        self.path.unlink()
        self.path.write_bytes(begun)


def work_or_die(worker, queue, left, random_delay, slow_file):
    """Let the site's worker go on; kill it in the first step that is to be killed.

    A worker's first step includes the start of the middleware and lasts a second or
    two, a later one a tenth of that: the delay is drawn for the one it is.
    """
    jobs = Job.objects.filter(queue=queue)
    done = jobs.filter(status="succeeded").count()
    while jobs.filter(status__in=("queued", "running")).exists():
        running = DeploymentStep.objects.filter(status="running").first()
        name = running and running.target.repository.queue
        if running is None or not left.get((name, running.kind)):
            time.sleep(0.01)
            continue
        if running.kind == StepKind.TRANSFER:
            slow_file.kill_inside(worker)
        else:
            is_first = jobs.filter(status="succeeded").count() == done
            time.sleep(random_delay(0.0, 1.5 if is_first else 0.15))
            worker.kill()
        left[name, running.kind] -= 1
        return


def take_up_again(deployment, deployer):
    """What the portal and the deployer do after a worker died."""
    find_lost_jobs()
    steps = DeploymentStep.objects.filter(target__deployment=deployment)
    for step in steps.filter(status__in=("failed", "queued")):
        deployments.run_step_again(step, by=deployer, task=run_deployment_step)


def test_revision_only_goes_up_whoever_writes_at_once(portal):
    """Several writers at once: none of their changes is lost from the revision."""
    instrument = Instrument.objects.get(pk=sites.INSTRUMENT)
    make.connect("USDF", "/repo/main", folder="/nowhere", queue="usdf")
    taxicab = make.make_adopted("DM-100", owner=portal, instrument=instrument)
    deployment = make.file(taxicab, "DM-200", by=portal)

    def write(_):
        mine = DeploymentTicket.objects.get(pk=deployment.pk)
        seen = []
        for _ in range(20):
            with transaction.atomic():
                raise_revision(mine)
            seen.append(mine.revision)
        connection.close()
        return seen

    before = deployment.revision
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(write, range(4)))
    deployment.refresh_from_db()
    assert deployment.revision == before + 80
    assert all(one == sorted(set(one)) for one in seen)
