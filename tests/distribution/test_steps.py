"""Steps on real repositories: done once, done again, refused, repaired, put back."""

import pytest

from distribution.domain import StepKind
from distribution.models import RepositorySnapshot
from distribution.services import deployments, repositories
from distribution.tasks import (
    put_back_target,
    refresh_repository,
    run_deployment_step,
)
from taxicab.core.models import AuditEvent, Instrument
from tests.support import deployments as make
from tests.support import sites

A, B = sites.chain_of("DM-100"), sites.chain_of("DM-110")


def deploy(construction, key, *, number, deployer):
    """File and start; every step is taken before this returns."""
    instrument = Instrument.objects.get(pk=sites.INSTRUMENT)
    taxicab = make.make_certified(
        construction, number=number, owner=deployer, instrument=instrument
    )
    deployment = make.file(taxicab, key, by=deployer)
    return deployments.start_deployment(
        deployment, by=deployer, task=run_deployment_step
    )


def run_again(target, kind, deployer):
    step = target.steps.get(kind=kind)
    deployments.run_step_again(step, by=deployer, task=run_deployment_step)
    return target.steps.get(kind=kind)


def statuses(target):
    return {step.kind: (step.status, step.message) for step in target.steps.all()}


def test_deployed_run_again_repaired_and_put_back(observatory, portal):
    deployer = portal
    origin, site = observatory / "origin", observatory / "site"
    before = sites.inventory(origin)
    deployment = deploy("DM-100", "DM-200", number=1, deployer=deployer)

    # Both serve the set; there is no exposure yet, so both wait for the self-review.
    at_origin, at_site = deployment.targets.all()
    assert at_origin.status == at_site.status == "waiting", statuses(at_site)
    assert sites.chain(origin) == sites.chain(site) == [A]
    review = at_site.steps.get(kind=StepKind.SELF_REVIEW)
    assert (review.status, review.result["status"]) == ("waiting", "waiting")
    assert at_site.steps.get(kind=StepKind.IMPORT).result["imported"] == 3
    prepended = at_site.steps.get(kind=StepKind.PREPEND).result
    assert (prepended["child"], prepended["datasets"]) == (A, 3)
    tagged = at_site.steps.get(kind=StepKind.TAG).result["collections"]
    assert tagged == [f"{sites.INSTRUMENT}/calib_tagged/DM-100"]
    # Same UUIDs, same files, same validity at both.
    after = sites.inventory(site)
    differ = {key for key in before if after.get(key) != before[key]}
    assert {key for key in differ if "DM-110" not in str((key, before[key]))} == {
        sites.DEFAULT
    }
    assert sites.strays(site) == []

    # Every step again: nothing is harmed, nothing moves.
    deployment.refresh_from_db()
    sealed = deployment.manifest_sha256
    for kind in at_site.steps.values_list("kind", flat=True):
        step = run_again(at_site, kind, deployer)
        assert step.status in {"succeeded", "waiting"}, step.message
    assert sites.inventory(site) == after
    deployment.refresh_from_db()
    assert deployment.manifest_sha256 == sealed
    assert at_site.steps.get(kind=StepKind.IMPORT).result["present"] == 3
    assert at_site.steps.get(kind=StepKind.TRANSFER).result["copied"] == 0

    # A file that vanished is brought back from the sealed folder.
    lost = next(site.rglob("bias_*.fits"))
    lost.unlink()
    assert run_again(at_site, StepKind.IMPORT, deployer).result["repaired"] == 1
    assert sites.inventory(site) == after

    # Rolled back, the site no longer serves it; prepended again, it does.
    deployments.roll_back(
        at_site, reason="Wrong gains.", by=deployer, task=put_back_target
    )
    at_site.refresh_from_db()
    assert (at_site.status, sites.chain(site)) == ("planned", [])
    assert "Wrong gains." in at_site.steps.get(kind=StepKind.PREPEND).message
    assert AuditEvent.objects.filter(why__contains="Wrong gains.").exists()
    run_again(at_site, StepKind.PREPEND, deployer)
    at_site.refresh_from_db()
    assert (at_site.status, sites.chain(site)) == ("waiting", [A])

    # And the repository's page knows what its chain holds.
    instrument = Instrument.objects.get(pk=sites.INSTRUMENT)
    assert repositories.find_snapshot(at_site.repository, instrument) is None
    repositories.request_snapshot(
        at_site.repository, instrument=instrument, by=deployer, task=refresh_repository
    )
    snapshot = repositories.find_snapshot(at_site.repository, instrument)
    assert snapshot.chain == [A]
    assert {c["name"] for c in snapshot.collections} > {A, sites.DEFAULT}
    RepositorySnapshot.objects.update(taken_at="2026-01-01T00:00Z")
    assert repositories.find_snapshot(at_site.repository, instrument) is None


def test_changed_byte_is_refused_before_import_and_an_old_step_moves_nothing(
    observatory, portal
):
    deployer = portal
    site = observatory / "site"
    # An inbox nobody can write to stops the transfer of this target alone.
    (observatory / "inbox").write_text("in the way")
    deployment = deploy("DM-100", "DM-200", number=1, deployer=deployer)
    at_origin, at_site = deployment.targets.all()
    assert (at_origin.status, at_site.status) == ("waiting", "failed")
    assert at_site.steps.get(kind=StepKind.IMPORT).status == "planned"
    (observatory / "inbox").unlink()

    # A byte changes on the way: the import names the detector and touches nothing.
    sealed = observatory / "work" / "exports" / "DM-200"
    victim = next(sealed.rglob("bias_*R22_S01*.fits"))
    whole = victim.read_bytes()
    inbox = observatory / "inbox" / "DM-200"
    untouched = sites.inventory(site)
    run_again_then_damage(at_site, inbox, victim.relative_to(sealed), deployer)
    step = run_again(at_site, StepKind.IMPORT, deployer)
    assert step.status == "failed"
    assert "bias of detector 1" in step.message
    assert "is changed" in step.message
    assert sites.inventory(site) == untouched

    # The same at the origin: nothing is sent, and sealing again heals it.
    victim.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    step = run_again(at_site, StepKind.TRANSFER, deployer)
    assert step.status == "failed"
    assert "Nothing was sent" in step.message
    run_again(at_site, StepKind.EXPORT, deployer)
    assert victim.read_bytes() == whole
    at_site.refresh_from_db()
    assert at_site.status == "waiting", statuses(at_site)

    # Deploy B; A's step again: B is still first, everywhere.
    second = deploy("DM-110", "DM-210", number=2, deployer=deployer)
    for target in (at_origin, at_site):
        step = run_again(target, StepKind.PREPEND, deployer)
        assert (step.status, step.result["changed"]) == ("succeeded", False)
    assert sites.chain(observatory / "origin") == [B, A]
    assert sites.chain(site) == [B, A]
    assert {t.status for t in second.targets.all()} == {"waiting"}


def run_again_then_damage(target, inbox, name, deployer):
    """Let the transfer succeed, and change a byte before the import looks."""
    step = target.steps.get(kind=StepKind.IMPORT)
    repository = target.repository
    location, repository.location = repository.location, "/nowhere"
    repository.save()
    run_again(target, StepKind.TRANSFER, deployer)
    repository.location = location
    repository.save()
    step.refresh_from_db()
    assert step.status == "failed"
    path = inbox / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def test_files_that_not_everyone_may_read_are_not_sealed(observatory, portal):
    secret = next((observatory / "origin").rglob("bias_*DM-100*.fits"))
    secret.chmod(0o600)
    deployment = deploy("DM-100", "DM-200", number=1, deployer=portal)
    export = deployment.targets.last().steps.get(kind=StepKind.EXPORT)
    assert export.status == "failed"
    assert secret.name in export.message
    assert not (observatory / "work" / "exports" / "DM-200").exists()


@pytest.mark.parametrize(
    ("inbox", "words"), [("", "has no inbox"), ("$NOWHERE/in", "NOWHERE")]
)
def test_inbox_must_be_known_to_the_worker(observatory, portal, inbox, words):
    make.connect(
        "Summit",
        "/repo/LSSTComCam",
        folder=observatory / "site",
        queue="summit",
        inbox=inbox,
    )
    deployment = deploy("DM-100", "DM-200", number=1, deployer=portal)
    transfer = deployment.targets.last().steps.get(kind=StepKind.TRANSFER)
    assert transfer.status == "failed"
    assert words in transfer.message
