"""A small observatory, and the place where its calibrations are built."""

import pytest

from tests.support import construction as make
from tests.support.observatory import build_small_observatory, every_kind_plan


@pytest.fixture(scope="session")
def small_template(once):
    """Three frames of each type for construction, one for verification."""
    return once(
        "small",
        lambda folder: build_small_observatory(folder, detectors=(4,), frames=(3, 1)),
    )


@pytest.fixture(scope="session")
def every_kind_template(once):
    """One detector, one night with every kind of exposure and effect; copy to write."""
    return once(
        "every_kind", lambda folder: build_small_observatory(folder, every_kind_plan())
    )


@pytest.fixture
def quiet_jobs(settings, tmp_path):
    """Jobs whose heart does not beat, and whose graphs go with the test."""
    settings.JOB_HEARTBEAT_S = 3600
    settings.WORK_ROOT = tmp_path / "work"


@pytest.fixture
def build_place(facilities, small_template, quiet_jobs, tmp_path):
    """The build repository, connected to a copy of the small observatory's."""
    observatory = small_template.copied_to(tmp_path / "observatory")
    return make.connect_build_place(observatory.repository)


@pytest.fixture
def paper_place(facilities, quiet_jobs):
    """The build repository, connected in name: nothing runs there."""
    return make.connect_build_place("/nowhere")


@pytest.fixture
def ticket(build_place, scientist, instrument):
    return make.make_ticket(scientist, instrument)
