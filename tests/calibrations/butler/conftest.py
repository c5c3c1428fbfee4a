"""Repositories to be copied: one with raws, one with a certified bias."""

import shutil

import pytest

from calibrations.butler.repositories import make_repository
from tests.support.gateway import (
    BEGIN,
    CERTIFIED,
    GENERATED,
    INSTRUMENT,
    TICKET,
    Site,
)
from tests.support.observatory import build_small_observatory


@pytest.fixture(scope="session")
def raw_template(once):
    """Raws of two detectors and two nights; nothing built."""

    def build(folder):
        build_small_observatory(
            folder, detectors=(0, 1), frames=(3, 1), kinds=("bias",)
        )
        return Site(folder, [])

    return once("raw", build)


@pytest.fixture(scope="session")
def built_template(raw_template, once):
    """A bias of the real pipeline, certified and in its ticket's chain."""

    def build(folder):
        site = raw_template.copied_to(folder / "site")
        gateway = site.gateway()
        gateway.run_pipeline(site.request(pipeline="bias"))
        gateway.certify_calibration(GENERATED, "bias", CERTIFIED, BEGIN)
        gateway.define_chain(TICKET, [CERTIFIED])
        return Site(site.folder, [])

    return once("built", build)


@pytest.fixture
def raw_site(raw_template, tmp_path):
    return raw_template.copied_to(tmp_path / "site")


@pytest.fixture
def site(built_template, tmp_path):
    return built_template.copied_to(tmp_path / "site")


@pytest.fixture(scope="session")
def empty_template(once):
    """A repository of another site, with the instrument and nothing else."""

    def build(folder):
        make_repository(folder / "repository", INSTRUMENT)
        return Site(folder, [])

    return once("empty", build)


@pytest.fixture
def target(empty_template, tmp_path):
    return empty_template.copied_to(tmp_path / "target")


@pytest.fixture
def export(site, tmp_path):
    """An export of the ticket's chain."""
    folder = tmp_path / "export"
    site.gateway().export_collection(TICKET, str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
