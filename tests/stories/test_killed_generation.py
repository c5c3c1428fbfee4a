"""A worker killed with SIGKILL inside a generation, again and again.

Real Celery workers on a real Redis and a real pipeline. Whatever instant it is, the
generation that was run again ends with the UUIDs and bytes of an unbroken one.
"""

import hashlib
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from calibrations import tasks
from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import PipelineRequest
from calibrations.services.generation import (
    creation_time,
    exposure_expression,
    request_generation,
)
from calibrations.services.repositories import butler_settings, work_folder
from taxicab.core.models import Instrument, Job, JobStatus, Repository
from taxicab.core.processes import running_redis, running_workers
from taxicab.core.services.jobs import find_lost_jobs, requeue_job
from tests.support import construction as make
from tests.support import people, sites
from tests.support.databases import portal_database
from tests.support.observatory import build_small_observatory

pytestmark = pytest.mark.long

KILLS = 10
SEED = 20261123
PATIENCE_S = 120
QUEUE = "usdf"


@pytest.fixture
def observatory(tmp_path):
    """Nine detectors with three frames each: many quanta, each of them short."""
    return build_small_observatory(
        tmp_path / "site" / "sky", detectors=range(9), frames=(3, 1), kinds=("bias",)
    )


@pytest.fixture
def portal(observatory, migrated, tmp_path, settings, django_db_blocker):
    """A portal whose database and work folder its workers share."""
    settings.TAXICAB_DATA = tmp_path / "site"
    settings.WORK_ROOT = tmp_path / "site" / "work"
    settings.JOB_HEARTBEAT_S = 3600
    settings.JOB_LOST_AFTER_S = 0
    database = tmp_path / "portal.sqlite3"
    with django_db_blocker.unblock():
        sites.make_database(migrated, database)
        with portal_database(database):
            yield database


def test_killed_workers_end_with_the_files_of_an_unbroken_generation(
    portal, observatory, tmp_path
):
    untouched = tmp_path / "untouched"
    shutil.copytree(observatory.repository, untouched)
    instrument = Instrument.objects.get(pk="LSSTComCam")
    nora = people.make_person("nora", "calibration_team", instrument)
    place = make.connect_build_place(observatory.repository)
    ticket = make.make_ticket(nora, instrument)
    site = sites.Site(QUEUE, tmp_path / "site")
    instants = random.Random(SEED)
    with running_redis(tmp_path / "redis") as redis, sites.broker(redis.url):
        environment = sites.worker_environment(
            site, database=portal, redis_url=redis.url
        )

        def worker():
            return running_workers([QUEUE], tmp_path / "logs", environment)

        # Looked up by this process: no worker needs the message.
        Repository.objects.filter(pk=place.pk).update(queue="nobody")
        selection = make.choose(make_fresh(ticket), "bias", nora)
        Repository.objects.filter(pk=place.pk).update(queue=QUEUE)
        ticket = make_fresh(ticket)

        # One attempt after another, each made differently, until enough were killed.
        killed, generations = 0, []
        while killed < KILLS:
            generation = request_generation(
                ticket,
                selection=selection,
                by=nora,
                task=tasks.generate_calibration,
                configuration={"cpBiasCombine:clip": 3.0 + len(generations)},
            )
            generations.append(generation)
            job = generation.jobs.get()
            while killed < KILLS and not is_over(job):
                with worker() as workers:
                    wait_until(lambda job=job: is_running(job), job)
                    time.sleep(instants.uniform(0.0, 3.5))
                    workers[QUEUE].kill()
                killed += take_up_again(job, nora)
            if not is_over(job):
                with worker():
                    wait_until(lambda job=job: is_over(job), job)
            assert job.status == JobStatus.SUCCEEDED, f"{job.message}\n{job.log}"

    # The same graphs, executed without a break in repositories nobody touched.
    for number, generation in enumerate(generations):
        generation.refresh_from_db()
        folder = work_folder("generation", generation.collection)
        copy = tmp_path / f"untouched{number}"
        shutil.copytree(untouched, copy)
        unbroken = run_unbroken(copy, generation, folder, tmp_path / f"work{number}")
        broken = products(gateway(observatory.repository, ticket), generation)
        assert broken == unbroken
        assert len(unbroken) >= 9


def take_up_again(job, nora):
    """What the portal and a person do after a worker died; whether it had work."""
    find_lost_jobs()
    if is_over(job) and job.status == JobStatus.SUCCEEDED:
        return False
    assert job.status == JobStatus.FAILED
    assert "was lost" in job.message
    requeue_job(job, by=nora)
    return True


def make_fresh(ticket):
    """The ticket, with its repository as the database has it now."""
    return type(ticket).objects.get(pk=ticket.pk)


def is_running(job):
    job.refresh_from_db()
    return job.status != JobStatus.QUEUED


def is_over(job):
    job.refresh_from_db()
    return job.is_over


def wait_until(is_true, job):
    deadline = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < deadline, Job.objects.get(pk=job.pk).log
        time.sleep(0.05)


def gateway(root, ticket):
    settings = butler_settings(ticket.repository, instrument=ticket.instrument_id)
    return ButlerGateway(replace(settings, root=str(root)))


def run_unbroken(root, generation, folder, copy):
    """Execute the graph that was kept, in another repository."""
    shutil.copytree(folder, copy)
    ticket = generation.ticket
    other = gateway(root, ticket)
    other.run_pipeline(
        PipelineRequest(
            pipeline=generation.calib_type,
            inputs=generation.input_collections,
            run=generation.collection,
            where=exposure_expression(ticket.instrument_id, generation.selection),
            work_folder=str(copy),
            creation_time=creation_time(generation),
            overrides=generation.configuration,
        )
    )
    return products(other, generation)


def products(gateway, generation):
    """UUID and SHA-256 of every product; logs and metadata hold times of their own."""
    found = gateway.list_datasets([generation.collection], ["bias*"])
    return {
        (d.type, d.data_id.get("detector")): (
            d.uuid,
            hashlib.sha256(Path(d.path).read_bytes()).hexdigest(),
        )
        for d in found
        if not d.type.endswith(("_log", "_metadata", "_config"))
    }
