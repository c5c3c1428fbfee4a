"""The seal: whatever changed is found, and named."""

import pytest

from distribution.manifest import (
    MANIFEST_NAME,
    Manifest,
    SealBrokenError,
    check_seal,
    describe_differences,
    find_unreadable,
    seal_folder,
    verify_folder,
)

EXPORT = """\
data:
- type: dataset_type
  name: flat
- type: dataset
  dataset_type: flat
  run: LSSTComCam/calib/DM-1/test/flatGen-r.20261101a
  records:
  - dataset_id:
    - !uuid 11111111-1111-4111-8111-111111111111
    data_id:
    - instrument: LSSTComCam
      detector: 4
      physical_filter: r_03
    path: files/one.fits
    formatter: a.b.C
- type: associations
  validity_ranges:
  - timespan: !<tag:yaml.org,2002:python/name:x> odd
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "sealed"
    (root / "export" / "files").mkdir(parents=True)
    (root / "export" / "export.yaml").write_text(EXPORT)
    (root / "export" / "files" / "one.fits").write_bytes(b"pixels" * 100)
    (root / "export" / "files" / "bias_LSSTComCam_R22_S11_x.fits").write_bytes(b"b")
    return root


def test_sealed_folder_verifies(folder):
    manifest = seal_folder(folder)
    assert set(manifest.files) == {
        "export/export.yaml",
        "export/files/one.fits",
        "export/files/bias_LSSTComCam_R22_S11_x.fits",
    }
    assert Manifest.read(folder) == manifest
    assert verify_folder(folder, manifest_sha256=manifest.sha256) == []


def test_sealing_twice_gives_the_same_bytes(folder):
    first = seal_folder(folder)
    assert seal_folder(folder).content == first.content
    assert (folder / MANIFEST_NAME).read_bytes() == first.content


def test_one_changed_byte_names_the_detector(folder):
    manifest = seal_folder(folder)
    path = folder / "export/files/one.fits"
    content = bytearray(path.read_bytes())
    content[300] ^= 1
    path.write_bytes(content)
    (difference,) = verify_folder(folder, manifest_sha256=manifest.sha256)
    assert str(difference) == (
        "flat of detector 4, r_03 (export/files/one.fits) is changed"
    )
    with pytest.raises(SealBrokenError, match="detector 4") as error:
        check_seal(folder, manifest_sha256=manifest.sha256, advice="Stop.")
    assert error.value.details["differences"][0]["problem"] == "changed"


def test_missing_and_extra_files_are_told_apart(folder):
    manifest = seal_folder(folder)
    (folder / "export/files/bias_LSSTComCam_R22_S11_x.fits").unlink()
    (folder / "export/files/new.fits").write_bytes(b"x")
    differences = verify_folder(folder, manifest_sha256=manifest.sha256)
    assert [(d.problem, d.dataset) for d in differences] == [
        ("missing", "bias of R22_S11"),
        ("extra", ""),
    ]


def test_file_names_must_do_when_the_list_itself_is_damaged(folder):
    manifest = seal_folder(folder)
    (folder / "export/export.yaml").write_bytes(b"\xff: [")
    (folder / "export/files/bias_LSSTComCam_R22_S11_x.fits").write_bytes(b"c")
    differences = verify_folder(folder, manifest_sha256=manifest.sha256)
    assert {d.path: d.dataset for d in differences} == {
        "export/export.yaml": "",
        "export/files/bias_LSSTComCam_R22_S11_x.fits": "bias of R22_S11",
    }


def test_a_link_is_not_the_file(folder, tmp_path):
    manifest = seal_folder(folder)
    path = folder / "export/files/one.fits"
    path.rename(tmp_path / "elsewhere.fits")
    path.symlink_to(tmp_path / "elsewhere.fits")
    (difference,) = verify_folder(folder, manifest_sha256=manifest.sha256)
    assert difference.problem == "changed"


def test_a_manifest_of_its_own_making_is_refused(folder):
    manifest = seal_folder(folder)
    (folder / "export/files/one.fits").write_bytes(b"other")
    seal_folder(folder)
    (difference,) = verify_folder(folder, manifest_sha256=manifest.sha256)
    assert (difference.path, difference.problem) == (MANIFEST_NAME, "changed")


@pytest.mark.parametrize("content", [None, b"", b"[]", b'{"files": {"a": 1}}'])
def test_no_manifest_or_no_sense_in_it(folder, content):
    if content is not None:
        (folder / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(SealBrokenError, match="again"):
        verify_folder(folder, manifest_sha256="0" * 64)


def test_unreadable_files_and_folders_are_listed(folder):
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert find_unreadable(folder) == []
    (folder / "export/files/one.fits").chmod(0o640)
    (folder / "export").chmod(0o750)
    assert find_unreadable(folder) == ["export", "export/files/one.fits"]


def test_a_sentence_names_some_and_counts_the_rest(folder):
    manifest = seal_folder(folder)
    for number in range(8):
        (folder / f"{number}.fits").write_bytes(b"")
    words = describe_differences(verify_folder(folder, manifest_sha256=manifest.sha256))
    assert words.startswith("0.fits is extra; ")
    assert words.endswith("; and 3 more")
