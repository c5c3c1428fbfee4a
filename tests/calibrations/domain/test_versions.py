"""Versions: what counts as published software."""

import json

import pytest

from calibrations.butler.operations.queries import package_versions
from calibrations.domain.versions import is_release, unreleased


@pytest.mark.parametrize(
    ("version", "is_published"),
    [
        ("30.0.11", True),
        ("3.11.7", True),
        ("v29", True),
        ("2.0.post1", True),
        ("30.1.dev2", False),
        ("30.0rc1", False),
        ("30.0.0+gabc", False),
        ("g1a2b3c+4d5e", False),
        ("", False),
    ],
)
def test_a_release_can_be_installed_again_by_its_number(version, is_published):
    assert is_release(version) is is_published


@pytest.mark.parametrize(
    ("origin", "version"),
    [
        (None, "1.0"),
        ({"url": "file:///home/x", "dir_info": {"editable": True}}, "1.0+editable"),
        ({"url": "file:///home/x.whl", "archive_info": {}}, "1.0+local"),
    ],
)
def test_a_checkout_is_told_from_a_release(origin, version, tmp_path, monkeypatch):
    folder = tmp_path / "lsst_fake-1.0.dist-info"
    folder.mkdir()
    metadata = "Metadata-Version: 2.1\nName: lsst-fake\nVersion: 1.0\n"
    (folder / "METADATA").write_text(metadata)
    if origin:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    found = package_versions()
    assert found["lsst-fake"] == version
    assert ("lsst-fake" in unreleased(found)) is (origin is not None)
