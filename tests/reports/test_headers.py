"""Headers of a report's inputs: of the raws, folded, and absent in so many words."""

import json
from pathlib import Path

import pytest
from astropy.io import fits
from django.template.loader import render_to_string
from lsst.daf.butler import Butler

from calibrations.butler.client import ButlerGateway, ButlerSettings
from calibrations.butler.raw_reader import list_cards
from reports.services.headers import fold_headers, fold_part_headers
from reports.services.record import PartRecord, with_headers
from tests.support import evidence
from tests.support.gateway import INSTRUMENT, RAWS


@pytest.fixture
def gateway(reported_template, tmp_path):
    observatory = reported_template.copied_to(tmp_path / "observatory")
    root = str(observatory.repository)
    return ButlerGateway(ButlerSettings(root=root, instrument=INSTRUMENT))


@pytest.fixture
def part(gateway):
    """Biases and darks of two detectors, as a part's inputs."""
    ids = [exposure.id for exposure in gateway.select_exposures("")]
    return PartRecord(inputs=[{"exposures": [{"id": id_} for id_ in ids]}])


def headers_of(part, gateway):
    return with_headers({"bias": part}, gateway)["bias"].headers


def raw_path(gateway, exposure, detector=0):
    (path,) = (
        info.path
        for info in gateway.list_datasets([RAWS], ["raw"])
        if (info.data_id["exposure"], info.data_id["detector"]) == (exposure, detector)
    )
    return path


def test_cards_of_the_lowest_detector_arrive(gateway, part):
    found = headers_of(part, gateway)
    exposures = gateway.select_exposures("")
    assert [one["exposure"] for one in found] == [e.id for e in exposures]
    for exposure, one in zip(exposures, found, strict=True):
        assert (one["detector"], one["missing"]) == (0, "")
        cards = {keyword: value for keyword, value, _ in one["cards"]}
        assert cards["OBSID"] == exposure.obs_id
        assert cards["IMGTYPE"].lower() == exposure.observation_type
        assert cards["EXPTIME"] == exposure.exposure_time_s
        header = fits.getheader(raw_path(gateway, exposure.id))
        assert [card[0] for card in one["cards"]] == [c.keyword for c in header.cards]
    assert json.dumps(headers_of(part, gateway)) == json.dumps(found)


def test_what_cannot_be_read_is_said_and_stops_nothing(gateway, part):
    first, second, third, *_ = headers_of(part, gateway)
    with open(raw_path(gateway, first["exposure"]), "r+b") as file:
        file.write(b"not FITS" * 400)
    Path(raw_path(gateway, second["exposure"])).unlink()
    with Butler.from_config(gateway.settings.root, writeable=True) as butler:
        refs = butler.query_datasets(
            "raw",
            RAWS,
            where=f"instrument='{INSTRUMENT}' AND detector=0 "
            f"AND exposure={third['exposure']}",
        )
        butler.pruneDatasets(refs, unstore=True, disassociate=True, purge=True)
    bad, gone, other, *rest = headers_of(part, gateway)
    assert bad["missing"] == "Its raw cannot be read as FITS."
    assert gone["missing"] == "The file of its raw is gone."
    assert (other["detector"], other["missing"]) == (1, "")
    assert rest
    assert all(one["detector"] == 0 and one["cards"] for one in rest)


def test_a_repository_without_raws_says_so(gateway, part):
    gateway.remove_run(RAWS)
    found = headers_of(part, gateway)
    assert {one["missing"] for one in found} == {"The repository has no raw of it."}
    folded = fold_headers(found, label="bias", file="headers.json")
    assert folded.sentence == "none"
    assert len(folded.missing[0].exposures) == len(found)


def test_a_part_without_inputs_asks_for_nothing():
    assert with_headers({"bias": PartRecord()}, None)["bias"].headers == []


@pytest.mark.filterwarnings("ignore::astropy.io.fits.verify.VerifyWarning")
def test_cards_are_plain_values_whatever_they_hold():
    header = fits.Header()
    header["NUMBER"] = (1.5, "of something (mm)")
    header["NOTHING"] = None
    header["PAIR"] = 1 + 2j
    header.append(fits.Card.fromstring("BROKEN  = 'no end"))
    cards = list_cards(header)
    assert cards[0] == ["NUMBER", 1.5, "of something (mm)"]
    assert cards[1][:2] == ["NOTHING", None]
    assert cards[2][1] == "(1+2j)"
    assert "no end" in cards[3][1]
    assert json.loads(json.dumps(cards)) == cards


def test_what_all_have_alike_is_said_once():
    folded = fold_headers(evidence.make_headers(), label="bias", file="headers.json")
    n = len(evidence.EXPOSURES) - 1
    assert (folded.n_read, folded.n_more) == (n, 0)
    assert {c.keyword: c.value for c in folded.same} == {
        "SIMPLE": "T",
        "IMGTYPE": "BIAS",
        "EXPTIME": "0.0",
    }
    assert [card.keyword for card in folded.differing] == ["SEQNUM"]
    seqs = [str(exposure % 100000) for exposure in evidence.EXPOSURES[:-1]]
    assert [row.values for row in folded.rows] == [[seq] for seq in seqs]
    (missing,) = folded.missing
    assert missing.exposures == [evidence.EXPOSURES[-1]]


def test_the_static_page_shows_them_and_an_old_report_has_none(tmp_path):
    summary = {"stages": [{"key": "bias", "label": "bias"}]}
    old = fold_part_headers(summary, tmp_path.joinpath)
    assert not old[0].is_kept
    page = render_to_string("reports/static/_record.html", {"headers": old})
    assert "not kept when this report was made" in page
    assert "All cards" not in page
    (tmp_path / "parts" / "bias").mkdir(parents=True)
    path = tmp_path / "parts" / "bias" / "headers.json"
    path.write_text(json.dumps(evidence.make_headers()))
    new = fold_part_headers(summary, tmp_path.joinpath)
    page = render_to_string("reports/static/_record.html", {"headers": new})
    assert "3 keywords the same in all" in page
    assert "1 keyword that differs" in page
    assert "The file of its raw is gone." in page
    assert 'href="parts/bias/headers.json"' in page
