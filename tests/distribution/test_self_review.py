"""Self-review on real raws: passed, failed when the chain is put back, healed."""

import shutil

import pytest
from lsst.daf.butler import Butler

from calibrations.services.repositories import open_gateway
from distribution.domain import StepKind
from distribution.services import deployments
from distribution.tasks import run_deployment_step
from taxicab.board.models import TaxicabStage
from taxicab.core.models import Instrument
from tests.support import deployments as make
from tests.support import sites
from tests.support.observatory import build_small_observatory

OLD, NEW = sites.chain_of("DM-90"), sites.chain_of("DM-100")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with a few raws that serves an old set and holds a new one."""
    folder = tmp_path_factory.mktemp("observatory")
    small = build_small_observatory(
        folder / "small", detectors=(0, 1), frames=(1, 1), kinds=("bias",)
    )
    root = small.repository
    with Butler.from_config(str(root), collections="LSSTComCam/raw/all") as butler:
        ref = next(iter(butler.query_datasets("raw", limit=1)))
        shape = butler.get(ref).shape
    for ticket in ("DM-90", "DM-100"):
        sites.put_set(root, ticket, detectors=(0, 1), shape=shape)
    with Butler.from_config(str(root), writeable=True) as butler:
        butler.collections.redefine_chain(sites.DEFAULT, [OLD])
    return root


def test_review_sees_which_set_the_repository_serves(
    repository, portal, tmp_path, settings
):
    settings.WORK_ROOT = tmp_path / "work"
    root = shutil.copytree(repository, tmp_path / "repository")
    instrument = Instrument.objects.get(pk=sites.INSTRUMENT)
    main = make.connect("USDF", "/repo/main", folder=root, queue="usdf")
    taxicab = make.make_certified(
        "DM-100", number=1, owner=portal, instrument=instrument
    )
    deployment = make.file(taxicab, "DM-200", by=portal)
    with sites.broker("memory://") as app:
        app.conf.task_always_eager = True
        try:
            live(deployment, main, root, portal)
        finally:
            app.conf.task_always_eager = False


def live(deployment, main, root, deployer):
    # Deployed at its only repository, the set passes: the header names its datasets.
    deployments.start_deployment(deployment, by=deployer, task=run_deployment_step)
    (target,) = deployment.targets.all()
    review = target.steps.get(kind=StepKind.SELF_REVIEW)
    assert review.status == "succeeded", review.message
    new = {
        key for key, value in sites.inventory(root).items() if "DM-100" in str(value)
    }
    given = review.result["calibrations"]
    assert {one["uuid"] for one in given} <= new
    assert {one["run"] for one in given} == {sites.run_of("DM-100")}
    deployment.refresh_from_db()
    deployment.taxicab.refresh_from_db()
    assert (target.status, deployment.stage) == ("deployed", "deployed")
    assert deployment.taxicab.stage == TaxicabStage.IMPLEMENTED

    # Somebody puts the chain back as it was: the next review says so.
    gateway = open_gateway(main, instrument=sites.INSTRUMENT)
    gateway.define_chain(sites.DEFAULT, [OLD])
    deployments.run_step_again(review, by=deployer, task=run_deployment_step)
    review.refresh_from_db()
    target.refresh_from_db()
    deployment.refresh_from_db()
    assert review.status == target.status == "failed"
    assert sites.run_of("DM-90") in review.message
    assert deployment.stage == "deploying"

    # Prepended again it is reviewed again, by itself, and passes.
    prepend = target.steps.get(kind=StepKind.PREPEND)
    deployments.run_step_again(prepend, by=deployer, task=run_deployment_step)
    review.refresh_from_db()
    deployment.refresh_from_db()
    assert (review.status, deployment.stage) == ("succeeded", "deployed")
    assert sites.chain(root) == [NEW, OLD]
