"""Deployments tell people when a set is at a repository."""

from distribution.domain import TargetStatus
from distribution.services import deployments, progress
from taxicab.core.models import Notice
from tests.support import deployments as make
from tests.support import pages


def test_deployed_is_told(instrument, scientist, observer):
    pages.connect()
    adopted = make.make_adopted("DM-100", owner=scientist, instrument=instrument)
    made = deployments.file_deployment(adopted, key="DM-200", by=scientist)
    target = made.targets.get()
    progress.set_target(target, TargetStatus.RUNNING, by=None)
    assert not Notice.objects.filter(event="deployed").exists()
    progress.set_target(target, TargetStatus.DEPLOYED, by=None)
    notice = Notice.objects.get(event="deployed", user=observer)
    assert "DM-100 (LSSTComCam) is deployed at USDF /repo/main" in notice.text
    assert notice.url == "/deployments/DM-200/"
