"""A report of any repository, by a command that asks no database.

None of these tests may reach one: pytest-django refuses it.
"""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from benchmarks.report_data import make_verified

PROJECT = Path(__file__).resolve().parents[2]
N_DETECTORS, N_EXPOSURES = 2, 3
N_ROWS = N_DETECTORS * 16 * N_EXPOSURES


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Verified biases, darks and flats of a small camera, and their runs."""
    root = tmp_path_factory.mktemp("verified") / "repository"
    runs = make_verified(
        root,
        "LSSTComCam",
        n_detectors=N_DETECTORS,
        n_exposures=N_EXPOSURES,
        filters=["r_03"],
        profile=4,
    )
    return root, runs


@pytest.fixture(scope="module")
def upstream(tmp_path_factory):
    """What cp_verify alone leaves: no table of tests."""
    root = tmp_path_factory.mktemp("upstream") / "repository"
    runs = make_verified(
        root,
        "LSSTComCam",
        n_detectors=N_DETECTORS,
        n_exposures=N_EXPOSURES,
        filters=[],
        profile=4,
        with_tests=False,
    )
    return root, runs


def report(root, output, *collections, **options):
    flags = [word for name in collections for word in ("-c", name)]
    call_command(
        "report", "-r", str(root), "-O", str(output), *flags, verbosity=0, **options
    )


def read_part(output, key):
    return json.loads((output / "parts" / key / "part.json").read_text())


def test_a_report_of_a_repository_opens_from_a_disk(repository, tmp_path, capsys):
    root, runs = repository
    output = tmp_path / "report"
    report(root, output, *runs)
    assert f"Open {output / 'index.html'}" in capsys.readouterr().out
    assert {p.name for p in (output / "parts").iterdir()} == {"bias", "dark", "flat-r"}
    bias = read_part(output, "bias")
    assert bias["counts"]["results"] == 5 * N_ROWS
    assert bias["verification"] == runs[0]
    with (output / "parts" / "flat-r" / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * N_ROWS
    failed = sum(row["passed"] == "false" for row in rows)
    flat = read_part(output, "flat-r")
    assert flat["counts"]["failed"] == failed > 0
    assert flat["physical_filter"] == "r_03"
    assert bias["physical_filter"] == ""  # its exposures know one, of the beam
    page = (output / "index.html").read_text()
    assert "DM-47447" in page
    assert "without the portal" in page


def test_what_is_missing_is_said(repository, tmp_path):
    root, runs = repository
    report(root, tmp_path / "report", *runs)
    flat = read_part(tmp_path / "report", "flat-r")
    missing = {a["what"]: a["sentence"] for a in flat["absences"] if a["is_missing"]}
    assert "without the generation" in missing["calibration"]
    assert "has no result of DET SCATTER, EXP SCATTER" in missing["tests"]
    assert "residual images" in missing
    (record,) = (a for a in flat["absences"] if a["what"] == "record")
    assert not record["is_missing"]


def test_collections_of_cp_verify_alone_work(upstream, repository, tmp_path):
    """Its own verdicts are told; they are those that our tables have."""
    report(upstream[0], tmp_path / "theirs", *upstream[1])
    report(repository[0], tmp_path / "ours", *repository[1])
    theirs, ours = (read_part(tmp_path / n, "bias") for n in ("theirs", "ours"))
    assert theirs["criteria_version"] == "cp_verify"
    assert theirs["counts"]["results"] == ours["counts"]["results"]
    failed = [
        {line["test"]: line["n_failed"] for line in part["lines"]}
        for part in (theirs, ours)
    ]
    assert failed[0] == failed[1]
    assert failed[0]["NOISE"] > 0


def test_a_chain_leads_to_its_runs(repository, tmp_path):
    from lsst.daf.butler import Butler, CollectionType

    root, runs = repository
    with Butler.from_config(str(root), writeable=True) as butler:
        butler.collections.register("u/nora/verify", CollectionType.CHAINED)
        butler.collections.redefine_chain("u/nora/verify", runs[:2])
    report(root, tmp_path / "chained", "u/nora/verify")
    report(root, tmp_path / "named", *runs[:2])
    hashes = [
        json.loads((tmp_path / name / "manifest.json").read_text())["parts"]
        for name in ("chained", "named")
    ]
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 2


def test_one_file_holds_it_all(repository, tmp_path):
    root, runs = repository
    report(root, tmp_path / "report.zip", runs[0], is_zip=True)
    with zipfile.ZipFile(tmp_path / "report.zip") as packed:
        names = set(packed.namelist())
    wanted = {"index.html", "manifest.json", "parts/bias/manifest.json"}
    assert {f"report/{name}" for name in wanted} <= names


def test_nothing_is_overwritten_that_is_no_report(repository, tmp_path):
    root, runs = repository
    output = tmp_path / "report"
    report(root, output, runs[0])
    first = (output / "manifest.json").read_bytes()
    with pytest.raises(CommandError, match="holds a report already"):
        report(root, output, runs[0])
    report(root, output, runs[0], do_overwrite=True)
    assert (output / "manifest.json").read_bytes() == first
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.tex").write_text("")
    with pytest.raises(CommandError, match="is no report"):
        report(root, thesis, runs[0], do_overwrite=True)
    assert [path.name for path in thesis.iterdir()] == ["chapter.tex"]


def test_what_is_not_there_is_named(repository, tmp_path):
    root, runs = repository
    output = tmp_path / "report"
    with pytest.raises(CommandError, match="no Butler repository at"):
        report(tmp_path / "nowhere", output, runs[0])
    with pytest.raises(CommandError, match="no Butler repository at"):
        report(tmp_path, output, runs[0])
    with pytest.raises(CommandError, match=f"nearest: .*{runs[0]}"):
        report(root, output, runs[0].replace("verifyBias", "verifyBais"))
    with pytest.raises(CommandError, match=r"Nothing in .* is a calibration"):
        report(root, output, "LSSTComCam/raw/all")
    assert not output.exists()
    assert list(tmp_path.iterdir()) == []


def test_no_database_is_needed(repository, tmp_path):
    root, runs = repository
    words = [sys.executable, PROJECT / "manage.py", "report", "-v", "0", "-r", root]
    nowhere = {
        "TAXICAB_DATABASE_URL": "postgresql://nobody:x@127.0.0.1:1/nothing",
        "TAXICAB_DATA": str(tmp_path / "nothing"),
    }
    done = subprocess.run(
        [*map(str, words), "-O", str(tmp_path / "report"), "-c", runs[0]],
        env={**os.environ, **nowhere},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report" / "index.html").is_file()
    assert not (tmp_path / "nothing").exists()
