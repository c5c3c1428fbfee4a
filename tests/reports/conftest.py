"""A real set on a small observatory, and reports of made numbers."""

from types import SimpleNamespace

import pytest

from tests.support import board as boards
from tests.support import construction as make
from tests.support import evidence
from tests.support.observatory import build_small_observatory


@pytest.fixture(autouse=True)
def quiet(settings, tmp_path):
    """Jobs whose heart does not beat, files that go with the test."""
    settings.JOB_HEARTBEAT_S = 3600
    settings.WORK_ROOT = tmp_path / "work"
    settings.EVIDENCE_ROOT = tmp_path / "evidence"


@pytest.fixture(scope="session")
def reported_template(once):
    return once(
        "reported",
        lambda folder: build_small_observatory(
            folder, detectors=(0, 1), frames=(3, 1), kinds=("bias", "dark")
        ),
    )


@pytest.fixture
def construction(scientist, instrument):
    """A ticket whose reports have files."""
    return boards.make_set("DM-100", owner=scientist, instrument=instrument)


@pytest.fixture
def build_place(facilities, reported_template, tmp_path):
    observatory = reported_template.copied_to(tmp_path / "observatory")
    return make.connect_build_place(observatory.repository)


@pytest.fixture(scope="session")
def stages(tmp_path_factory):
    """Bias and flat with planted failures."""
    folder = tmp_path_factory.mktemp("fits")
    exposures = (*evidence.EXPOSURES[:4], *evidence.EXPOSURES[-2:])
    return [
        evidence.make_stage("bias", folder, exposures=exposures),
        evidence.make_stage("flat", folder, exposures=exposures, band="r"),
    ]


@pytest.fixture(scope="session")
def paper_ticket():
    """As much of a construction ticket as the files name."""
    return SimpleNamespace(
        key="DM-47447",
        instrument_id="LSSTComCam",
        tag="gainFixup",
        reason="Gains measured <anew> & better.",
        owner=SimpleNamespace(get_username=lambda: "nora"),
    )
