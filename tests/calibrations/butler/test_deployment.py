"""Export, import and tags: what crosses from one repository to another."""

import json
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, CollectionType
from lsst.daf.butler.script.butlerImport import butlerImport

from calibrations.butler.errors import (
    ChainUnreadableError,
    DamagedExportError,
    SealedFolderError,
    UnreadableFilesError,
)
from taxicab.errors import NotFoundError
from tests.support.gateway import (
    BEGIN,
    CERTIFIED,
    DEFAULT,
    GENERATED,
    TICKET,
    sha256,
)

SKIPPED = ["instrument", "detector", "physical_filter"]
TAGGED = "LSSTComCam/calib_tagged/DM-12345"
BIAS = f"{GENERATED}/bias"


def seal(folder):
    """Write a manifest as whoever seals an export does."""
    files = {
        str(p.relative_to(folder)): {"size": p.stat().st_size, "sha256": sha256(p)}
        for p in folder.rglob("*")
        if p.is_file()
    }
    (folder / "manifest.json").write_text(json.dumps({"version": 1, "files": files}))


def plain_import(target, folder):
    butlerImport(
        str(target.repository),
        str(folder),
        str(folder / "export.yaml"),
        "copy",
        SKIPPED,
    )


def counts(summary):
    return summary.imported, summary.present, summary.repaired


def test_what_is_imported_is_what_was_exported(site, export, target):
    summary = target.gateway().import_collection(str(export))
    assert counts(summary) == (2, 0, 0)
    assert target.gateway().validity(TICKET) == site.gateway().validity(TICKET)
    assert target.files(BIAS) == site.files(BIAS)
    (chain,) = target.gateway().collections(TICKET)
    assert chain.children == [CERTIFIED]
    # Nothing is in force until somebody prepends it.
    assert target.gateway().collections(DEFAULT)[0].children == []


def test_the_plain_butler_deletes_what_it_imported_first(export, target):
    plain_import(target, export)
    assert len(target.files(BIAS)) == 2
    with pytest.raises(Exception, match=r"(?i)integrity|unique|conflict"):
        plain_import(target, export)
    assert target.files(BIAS) == {}


def test_importing_twice_changes_nothing(export, target):
    target.gateway().import_collection(str(export))
    before, rows = target.files(), target.gateway().validity(TICKET)
    assert counts(target.gateway().import_collection(str(export))) == (0, 2, 0)
    assert target.files() == before
    assert target.gateway().validity(TICKET) == rows


def test_what_the_plain_butler_deleted_is_repaired(site, export, target):
    plain_import(target, export)
    with pytest.raises(Exception, match=r"(?i)integrity|unique|conflict"):
        plain_import(target, export)
    assert counts(target.gateway().import_collection(str(export))) == (0, 0, 2)
    assert target.files(BIAS) == site.files(BIAS)


def test_a_lost_and_a_changed_file_are_repaired(site, export, target):
    target.gateway().import_collection(str(export))
    lost, changed = sorted((target.repository / BIAS).iterdir())
    lost.unlink()
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    assert counts(target.gateway().import_collection(str(export))) == (0, 0, 2)
    assert target.files(BIAS) == site.files(BIAS)
    with Butler.from_config(str(target.repository)) as butler:
        for ref in butler.query_datasets("bias", collections=GENERATED):
            assert butler.get(ref).data.shape


def test_a_missing_dataset_and_certification_are_completed(export, target):
    target.gateway().import_collection(str(export))
    with Butler.from_config(str(target.repository), writeable=True) as butler:
        (first, _) = butler.query_datasets("bias", collections=GENERATED)
        butler.pruneDatasets([first], unstore=True, purge=True, disassociate=True)
    assert len(target.gateway().validity(TICKET)) == 1
    assert counts(target.gateway().import_collection(str(export))) == (1, 1, 0)
    assert len(target.gateway().validity(TICKET)) == 2


def test_one_changed_byte_is_refused_before_anything_is_touched(export, target):
    seal(export)
    before = target.files(), target.gateway().collections()
    changed = max(export.rglob("bias_*S01*.fits"))
    data = bytearray(changed.read_bytes())
    data[len(data) // 2] ^= 1
    changed.write_bytes(data)
    with pytest.raises(DamagedExportError) as refusal:
        target.gateway().import_collection(str(export))
    assert f"bias of detector 1 ({changed.name}) is changed" in str(refusal.value)
    assert (target.files(), target.gateway().collections()) == before


def test_a_missing_file_is_refused_naming_it(export, target):
    max(export.rglob("bias_*S01*.fits")).unlink()
    with pytest.raises(DamagedExportError, match=r"bias of detector 1 .* is missing"):
        target.gateway().import_collection(str(export))


def test_a_file_that_nobody_sealed_is_refused(export, target):
    seal(export)
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["files"].pop(next(f for f in manifest["files"] if "S00" in f))
    (export / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DamagedExportError, match=r"detector 0 .* is not in the"):
        target.gateway().import_collection(str(export))


def test_what_is_no_export_is_told(target, tmp_path):
    with pytest.raises(NotFoundError, match=r"it has no export\.yaml"):
        target.gateway().import_collection(str(tmp_path))


def test_an_export_is_made_anew_until_it_is_sealed(site, export):
    left = export.with_name(f"{export.name}.part")
    left.mkdir()
    (left / "half").write_text("of a killed try")
    summary = site.gateway().export_collection(TICKET, str(export))
    assert summary.datasets == 2
    assert summary.collections == [TICKET, CERTIFIED]
    assert sorted(Path(f).name for f in summary.files)[-1] == "export.yaml"
    assert not left.exists()
    seal(export)
    with pytest.raises(SealedFolderError, match="is sealed"):
        site.gateway().export_collection(TICKET, str(export))


def test_a_folder_of_something_else_is_not_overwritten(site, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(SealedFolderError, match="not an export"):
        site.gateway().export_collection(TICKET, str(tmp_path / "mine"))


def test_files_that_not_everyone_may_read_are_listed(site, tmp_path):
    (first, _) = sorted((site.repository / BIAS).iterdir())
    first.chmod(0o600)
    with pytest.raises(UnreadableFilesError) as refusal:
        site.gateway().export_collection(TICKET, str(tmp_path / "out"))
    assert [Path(f).name for f in refusal.value.details["files"]] == [first.name]
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_exported_is_told(site, tmp_path):
    gateway = site.gateway()
    with pytest.raises(ChainUnreadableError, match="certifies nothing yet"):
        gateway.export_collection(DEFAULT, str(tmp_path / "out"))
    (first, _) = sorted((site.repository / BIAS).iterdir())
    first.unlink()
    with pytest.raises(ChainUnreadableError, match="1 of 2 files are missing"):
        gateway.export_collection(TICKET, str(tmp_path / "out"))


def test_every_dataset_is_tagged_where_data_ids_repeat(site):
    # A second bias of the same detectors, valid before the first, in the same chain.
    gateway = site.gateway()
    other = f"{GENERATED[:-1]}b"
    gateway.run_pipeline(site.request(other))
    earlier = f"{CERTIFIED[:-1]}b"
    gateway.certify_calibration(other, "bias", earlier, "2026-01-01", BEGIN)
    gateway.define_chain(TICKET, [earlier, CERTIFIED])
    names = [TAGGED, f"{TAGGED}/2"]
    assert gateway.tag_collection(TICKET, TAGGED) == names
    tagged = {
        name: {d.run for d in gateway.list_datasets([name], ["bias"])} for name in names
    }
    assert tagged == {names[0]: {other}, names[1]: {GENERATED}}
    # Again, and with the chain in another order: nothing moves.
    gateway.define_chain(TICKET, [CERTIFIED, earlier])
    assert gateway.tag_collection(TICKET, TAGGED) == names
    assert [c.n_datasets for c in gateway.collections(f"{TAGGED}*")] == [2, 2]


def test_a_set_of_one_range_needs_one_tagged_collection(site):
    assert site.gateway().tag_collection(TICKET, TAGGED) == [TAGGED]
    (found,) = site.gateway().collections(f"{TAGGED}*")
    assert (found.type, found.n_datasets) == (CollectionType.TAGGED.name, 2)


def test_tagged_datasets_are_not_removed(target, export):
    target.gateway().import_collection(str(export))
    target.gateway().tag_collection(TICKET, TAGGED)
    with pytest.raises(Exception, match=TAGGED):
        target.gateway().remove_run(GENERATED)
