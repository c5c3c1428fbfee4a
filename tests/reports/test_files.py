"""The report's folder: the same bytes every time, nothing outside it, true numbers."""

import csv
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from calibrations.models import ConstructionTicket
from reports.models import VerificationReport
from reports.services.evidence import (
    MANIFEST,
    check_evidence,
    evidence_file,
    keep_folder,
    new_folder,
)
from reports.services.reports import write_report
from taxicab.errors import ConflictError, NotFoundError
from tests.support.evidence import NOISY, UNMEASURED, make_facts


@pytest.fixture(scope="module")
def written(stages, paper_ticket, tmp_path_factory):
    """The folder and the summary of a report."""
    folder = tmp_path_factory.mktemp("report")
    return folder, write_report(paper_ticket, stages, make_facts(), folder)


@pytest.fixture
def kept(written, settings):
    """A report whose folder is kept, under its hash."""
    with new_folder("1") as folder:
        copy_files(written[0], folder)
        sha256 = keep_folder(folder)
    return make_row(sha256=sha256, status="ready")


def make_row(**values):
    return VerificationReport(
        ticket=ConstructionTicket(key="DM-1"), version=1, **values
    )


def copy_files(source, target):
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())


class Links(HTMLParser):
    """Collects what a page points at, and every tag's name."""

    def __init__(self):
        super().__init__()
        self.addresses, self.tags = [], set()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.addresses += [v for k, v in attributes if k in {"href", "src"}]
        assert not [k for k, _ in attributes if k == "style" or k.startswith("on")]


def read_links(path):
    links = Links()
    links.feed(path.read_text())
    return links


def test_the_same_report_is_the_same_bytes(written, stages, paper_ticket, tmp_path):
    again = tmp_path / "again"
    again.mkdir()
    assert write_report(paper_ticket, stages, make_facts(), again) == written[1]
    first, second = (
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()}
        for f in (written[0], again)
    )
    assert first == second


def test_pages_open_from_a_disk(written):
    folder, _ = written
    pages = sorted(path.name for path in folder.glob("*.html"))
    assert pages == ["bias.html", "flat-r.html", "index.html"]
    for page in pages:
        links = read_links(folder / page)
        assert not links.tags & {"script", "iframe", "style", "form"}
        for address in links.addresses:
            name, _, anchor = address.partition("#")
            assert not re.match(r"[a-z]+:|/", name), address
            target = folder / (name or page)
            assert target.is_file() or name == MANIFEST, address
            if anchor:
                assert f'id="{anchor}"' in target.read_text()
    style = (folder / "report.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_every_image_is_shown(written):
    folder, _ = written
    shown = {
        address
        for page in folder.glob("*.html")
        for address in read_links(page).addresses
    }
    images = {p.relative_to(folder).as_posix() for p in folder.rglob("*.png")}
    assert images == {name for name in shown if name.endswith(".png")}


def test_text_of_people_is_escaped(written):
    assert (
        "measured &lt;anew&gt; &amp; better" in (written[0] / "index.html").read_text()
    )


def test_the_tables_tell_the_rows(written, stages):
    folder, summary = written
    for stage, told in zip(stages, summary["stages"], strict=True):
        assert sum(line["n_results"] for line in told["lines"]) == len(stage.results)
        for line in told["lines"]:
            rows = [r for r in stage.results if r.test == line["test"]]
            rows = [r for r in rows if r.level == line["level"]]
            assert line["n_failed"] == sum(not r.passed for r in rows)
            if not rows:
                assert (line["worst"], line["verdict"]) == (None, "missing")
                continue
            # The worst is a failure, if there is one, and a number, if it has one.
            worst = [r for r in rows if not r.passed] or rows
            margins = [r.margin for r in worst if r.margin is not None]
            assert line["worst"]["margin"] == max(margins, default=None)
        with (folder / told["results_file"]).open() as file:
            written_rows = list(csv.DictReader(file))
        assert len(written_rows) == len(stage.results)
        values = sorted(float(row["value"]) for row in written_rows if row["value"])
        assert values == sorted(r.value for r in stage.results if r.value is not None)


def test_the_page_shows_verdict_limit_unit_and_number(written):
    text = (written[0] / "index.html").read_text()
    noise = re.search(
        r"<th scope=\"row\">[^/]*</span>\s+NOISE</th>.*?</tr>", text, re.S
    )
    row = re.sub(r"<[^>]+>|\s+", " ", noise[0])
    assert "0.07, limit 0.05" in row
    assert "40 % over" in row
    assert "4.3" in row
    mean = re.search(r"</span>\s+MEAN</th>.*?</tr>", text, re.S)[0]
    assert "8 e⁻" in mean


def test_the_summary_is_plain_json(written):
    _, summary = written
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["verdict"] == "failed"
    counts = summary["counts"]
    assert counts["results"] == counts["passed"] + counts["failed"] + counts["warnings"]


def test_failing_amplifiers_are_listed(written):
    _, summary = written
    bias, _ = summary["stages"]
    places = [(a["detector"], a["amplifier"]) for a in bias["failing_amplifiers"]]
    assert places[:2] == [UNMEASURED, NOISY]


def test_every_detector_has_its_images(written):
    folder, summary = written
    for stage in summary["stages"]:
        assert [d["detector"] for d in stage["detectors"]] == list(range(9))
        for detector in stage["detectors"]:
            latest = detector["residuals"][0]
            assert latest["why"] == "latest exposure"
            assert (folder / latest["file"]).is_file()
            assert bool(detector["combined"]) is (detector["detector"] != 8)
    assert "No combined image" in (folder / "bias.html").read_text()


def test_the_manifest_lists_every_file_and_is_the_name(kept, settings):
    folder = settings.EVIDENCE_ROOT / kept.sha256
    manifest = (folder / MANIFEST).read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == kept.sha256
    listed = {entry["name"]: entry for entry in json.loads(manifest)["files"]}
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == {*listed, MANIFEST}
    for name, entry in listed.items():
        data = (folder / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(data).hexdigest()
        assert entry["size"] == len(data)
    assert check_evidence(kept) == []
    assert [p.name for p in settings.EVIDENCE_ROOT.iterdir()] == [kept.sha256]


def test_equal_evidence_is_kept_once(kept, written, settings):
    with new_folder("2") as folder:
        copy_files(written[0], folder)
        assert keep_folder(folder) == kept.sha256
    assert len(list(settings.EVIDENCE_ROOT.iterdir())) == 1


def test_what_a_killed_worker_left_is_cleared(settings):
    left = settings.EVIDENCE_ROOT / ".unfinished-7"
    left.mkdir(parents=True)
    (left / "half.png").write_bytes(b"")
    with new_folder("7") as folder:
        assert list(folder.iterdir()) == []
    assert list(settings.EVIDENCE_ROOT.iterdir()) == []


def test_changed_evidence_is_found(kept, settings):
    folder = settings.EVIDENCE_ROOT / kept.sha256
    page = folder / "index.html"
    page.write_bytes(page.read_bytes().replace(b"failed", b"passed", 1))
    (folder / "report.css").unlink()
    assert check_evidence(kept) == ["index.html was changed.", "report.css is gone."]
    (folder / MANIFEST).write_text("{}")
    assert len(check_evidence(kept)) == 1


def test_files_are_given_by_the_manifest_alone(kept, settings, tmp_path):
    assert evidence_file(kept, "index.html").read_text().startswith("<!DOCTYPE html>")
    assert evidence_file(kept, MANIFEST).name == MANIFEST
    (settings.EVIDENCE_ROOT / kept.sha256 / "unlisted.html").write_text("")
    (settings.EVIDENCE_ROOT / "secret").write_text("")
    for name in (
        "unlisted.html",
        "../secret",
        "images/../../secret",
        str(settings.EVIDENCE_ROOT / "secret"),
        "images",
        "",
        ".",
        "index.html\0",
    ):
        with pytest.raises(NotFoundError):
            evidence_file(kept, name)


def test_a_forged_manifest_leads_nowhere(kept, settings):
    (settings.EVIDENCE_ROOT / "secret").write_text("")
    forged = {"files": [{"name": "../secret", "sha256": ""}]}
    (settings.EVIDENCE_ROOT / kept.sha256 / MANIFEST).write_text(json.dumps(forged))
    with pytest.raises(NotFoundError):
        evidence_file(kept, "../secret")


def test_an_unfinished_report_has_no_files():
    with pytest.raises(ConflictError):
        evidence_file(make_row(status="building"), "index.html")
    with pytest.raises(NotFoundError, match="restore"):
        evidence_file(make_row(sha256="f" * 64), "index.html")
