"""The report's folder: the same bytes every time, nothing outside it, true numbers."""

import csv
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from calibrations.domain.criteria import CRITERIA_VERSION
from calibrations.models import ConstructionTicket
from reports.models import VerificationReport
from reports.services.evidence import (
    MANIFEST,
    check_evidence,
    evidence_file,
    keep_folder,
    new_folder,
    read_sealed,
)
from reports.services.findings import N_SHOWN, worst_clusters
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
            copy.parent.mkdir(parents=True, exist_ok=True)
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


def test_the_front_page_begins_with_the_worst_of_all_types(written):
    """In the order of the portal's verdict; each row leads to its type."""
    folder, summary = written
    ranked = worst_clusters(summary)
    clusters = [cluster for stage in summary["stages"] for cluster in stage["clusters"]]
    assert len(ranked) == len(clusters) > 0
    page = (folder / "index.html").read_text()
    (worst,) = re.findall(r'<section id="worst">.*?</section>', page, re.S)
    rows = re.findall(r"<tr>\s*<th scope=\"row\">.*?</tr>", worst, re.S)
    assert len(rows) == min(N_SHOWN, len(ranked))
    for row, (stage, cluster) in zip(rows, ranked, strict=False):
        assert f'<a href="#{stage["key"]}">' in row
        assert cluster["sentence"] in row
        assert cluster["worst"]["margin_text"] in row
    advisory = [cluster["is_advisory"] for _, cluster in ranked]
    assert advisory == sorted(advisory)
    assert page.index('id="worst"') < page.index(f'id="{summary["stages"][0]["key"]}"')


def test_every_image_is_shown(written):
    folder, _ = written
    shown = {
        address
        for page in folder.glob("*.html")
        for address in read_links(page).addresses
    }
    paths = (p for p in folder.rglob("*") if p.suffix in {".png", ".svg"})
    images = {path.relative_to(folder).as_posix() for path in paths}
    assert images == {name for name in shown if name.endswith((".png", ".svg"))}


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
    told = ("passed", "failed", "warnings", "unmeasured")
    assert counts["results"] == sum(counts[name] for name in told)
    # What has no number is a row of the verdict: it is not listed as missing as well.
    assert counts["unmeasured"] > 0
    assert not any("no number" in sentence for sentence in summary["missing"])


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


def test_manifests_list_every_file_and_are_the_names(kept, settings):
    root = settings.EVIDENCE_ROOT
    parts = read_sealed(kept.sha256)
    assert [p.key for p in parts] == ["bias", "flat-r"]
    folders = {kept.sha256, *(part.sha256 for part in parts)}
    assert {path.name for path in root.iterdir()} == folders
    for name in folders:
        manifest = (root / name / MANIFEST).read_bytes()
        assert hashlib.sha256(manifest).hexdigest() == name
        listed = {entry["name"]: entry for entry in json.loads(manifest)["files"]}
        paths = (p for p in (root / name).rglob("*") if p.is_file())
        found = {path.relative_to(root / name).as_posix() for path in paths}
        assert found == {*listed, MANIFEST}
        for entry in listed.values():
            data = (root / name / entry["name"]).read_bytes()
            assert entry["sha256"] == hashlib.sha256(data).hexdigest()
            assert entry["size"] == len(data)
    assert check_evidence(kept) == []


def test_a_part_says_nothing_of_its_report(kept, settings):
    """It is the same in the next report, whatever else that holds."""
    bias = next(p for p in read_sealed(kept.sha256) if p.key == "bias")
    assert (bias.calib_type, bias.criteria_version) == ("bias", CRITERIA_VERSION)
    for path in (settings.EVIDENCE_ROOT / bias.sha256).rglob("*"):
        if path.suffix in {".json", ".csv"}:
            text = path.read_text()
            assert "flat-r" not in text
            assert "parts/" not in text


def test_equal_evidence_is_kept_once(kept, written, settings):
    before = {p.name for p in settings.EVIDENCE_ROOT.iterdir()}
    with new_folder("2") as folder:
        copy_files(written[0], folder)
        assert keep_folder(folder) == kept.sha256
    assert {p.name for p in settings.EVIDENCE_ROOT.iterdir()} == before


def test_an_equal_part_is_shared_by_the_next_report(kept, written, settings):
    old = {part.key: part.sha256 for part in read_sealed(kept.sha256)}
    before = {p.name for p in settings.EVIDENCE_ROOT.iterdir()}
    with new_folder("2") as folder:
        copy_files(written[0], folder)
        results = folder / "parts" / "flat-r" / "results.csv"
        results.write_text(results.read_text() + "one more\n")
        sha256 = keep_folder(folder)
    new = {part.key: part.sha256 for part in read_sealed(sha256)}
    assert new["bias"] == old["bias"]
    assert new["flat-r"] != old["flat-r"]
    added = {p.name for p in settings.EVIDENCE_ROOT.iterdir()} - before
    assert added == {sha256, new["flat-r"]}
    later = make_row(sha256=sha256, status="ready")
    name = "parts/bias/results.csv"
    assert evidence_file(later, name) == evidence_file(kept, name)


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
    bias = next(p for p in read_sealed(kept.sha256) if p.key == "bias")
    part = settings.EVIDENCE_ROOT / bias.sha256
    (part / "results.csv").write_text("")
    assert check_evidence(kept)[2:] == ["parts/bias/results.csv was changed."]
    (part / MANIFEST).unlink()
    assert check_evidence(kept)[2:] == ["parts/bias/manifest.json is gone."]
    (folder / MANIFEST).write_text("{}")
    assert len(check_evidence(kept)) == 1


def test_files_are_given_by_the_manifest_alone(kept, settings, tmp_path):
    assert evidence_file(kept, "index.html").read_text().startswith("<!DOCTYPE html>")
    assert evidence_file(kept, MANIFEST).name == MANIFEST
    assert evidence_file(kept, f"parts/bias/{MANIFEST}").name == MANIFEST
    assert evidence_file(kept, "parts/bias/results.csv").is_file()
    (settings.EVIDENCE_ROOT / kept.sha256 / "unlisted.html").write_text("")
    (settings.EVIDENCE_ROOT / "secret").write_text("")
    for name in (
        "unlisted.html",
        "../secret",
        "images/../../secret",
        "parts/bias",
        "parts/bias/../../secret",
        "parts/dark/results.csv",
        "parts/../index.html",
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
    (settings.EVIDENCE_ROOT.parent / MANIFEST).write_text('{"files": []}')
    part = {"key": "bias", "calib_type": "bias", "physical_filter": ""}
    part |= {"criteria_version": "", "sha256": ".."}
    forged = {"files": [{"name": "../secret", "sha256": ""}], "parts": [part]}
    (settings.EVIDENCE_ROOT / kept.sha256 / MANIFEST).write_text(json.dumps(forged))
    for name in ("../secret", f"parts/bias/{MANIFEST}"):
        with pytest.raises(NotFoundError):
            evidence_file(kept, name)


def test_an_unfinished_report_has_no_files():
    with pytest.raises(ConflictError):
        evidence_file(make_row(status="building"), "index.html")
    with pytest.raises(NotFoundError, match="restore"):
        evidence_file(make_row(sha256="f" * 64), "index.html")
