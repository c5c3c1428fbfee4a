import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType

from calibrations.butler.errors import MissingCollectionError
from taxicab.errors import InputError, NotFoundError
from tests.support.gateway import (
    BEGIN,
    CERTIFIED,
    DEFAULT,
    FIRST_NIGHT_BIASES,
    GENERATED,
    RAWS,
    TICKET,
)
from tests.support.observatory import FIRST_NIGHT


def test_exposures_are_selected_by_an_expression(site):
    exposures = site.gateway().select_exposures(FIRST_NIGHT_BIASES)
    assert [e.seq_num for e in exposures] == [1, 2, 3]
    assert {e.observation_type for e in exposures} == {"bias"}
    assert {e.day_obs for e in exposures} == {FIRST_NIGHT}
    assert {e.n_detectors for e in exposures} == {2}
    assert exposures[0].begin_tai < exposures[1].begin_tai
    assert len(site.gateway().select_exposures("")) == 4


@pytest.mark.parametrize(
    "where", ["exposure.nothing = 3", "exposure.day_obs = ", "instrument = 'a' AND ("]
)
def test_a_bad_expression_is_refused_in_the_butlers_words(site, where):
    with pytest.raises(InputError) as refusal:
        site.gateway().select_exposures(where)
    assert where in str(refusal.value)
    assert refusal.value.details["complaint"] in str(refusal.value)


def test_an_exposure_without_raws_counts_no_detectors(site):
    site.gateway().remove_run(RAWS)
    exposures = site.gateway().select_exposures(FIRST_NIGHT_BIASES)
    assert {e.n_detectors for e in exposures} == {0}


def test_collections_are_described_as_a_tree(site):
    found = {c.name: c for c in site.gateway().collections(f"{DEFAULT}*")}
    assert found[DEFAULT].children == []
    assert found[TICKET].type == "CHAINED"
    assert found[TICKET].children == [CERTIFIED]
    assert found[CERTIFIED].type == "CALIBRATION"
    assert found[GENERATED].type == "RUN"
    assert found[TICKET].n_datasets == found[CERTIFIED].n_datasets == 2
    assert site.gateway().collections("nothing*") == []


def test_datasets_are_listed_with_their_files(site):
    found = site.gateway().list_datasets([GENERATED], ["bias", "biasMos*"])
    assert [d.type for d in found] == ["bias", "bias", "biasMosaic8"]
    assert all((site.repository / d.path).is_file() for d in found)
    assert found[0].data_id["detector"] == 0
    # Certified datasets are found through their chain as well.
    certified = site.gateway().list_datasets([TICKET], ["bias"])
    assert [d.uuid for d in certified] == [d.uuid for d in found[:2]]
    with pytest.raises(MissingCollectionError, match=f"nearest: {GENERATED}"):
        site.gateway().list_datasets([f"{GENERATED}x"])


def test_validity_is_a_table(site):
    rows = site.gateway().validity(TICKET)
    assert [(r.type, r.detector, r.filter) for r in rows] == [
        ("bias", 0, None),
        ("bias", 1, None),
    ]
    assert {(r.begin, r.end, r.collection, r.run) for r in rows} == {
        (BEGIN, None, CERTIFIED, GENERATED)
    }


def test_metrics_are_read_as_plain_rows(site):
    with Butler.from_config(str(site.repository), writeable=True) as butler:
        type_ = DatasetType(
            "verifyBiasTests",
            ("instrument",),
            "ArrowAstropy",
            universe=butler.dimensions,
        )
        butler.registry.registerDatasetType(type_)
        butler.collections.register("LSSTComCam/metrics")
        table = Table(
            {
                "exposure": np.array([1, 2], dtype=np.int64),
                "amplifier": ["C10", "C11"],
                "value": [0.5, np.nan],
                "passed": [True, False],
            }
        )
        butler.put(table, type_, instrument="LSSTComCam", run="LSSTComCam/metrics")
    assert site.gateway().read_metrics("LSSTComCam/metrics", "verifyBiasTests") == [
        {"exposure": 1, "amplifier": "C10", "value": 0.5, "passed": True},
        {"exposure": 2, "amplifier": "C11", "value": None, "passed": False},
    ]


def test_metrics_of_upstream_are_read_from_its_results(site):
    with Butler.from_config(str(site.repository), writeable=True) as butler:
        type_ = DatasetType(
            "verifyBiasResults",
            ("instrument",),
            "ArrowAstropy",
            universe=butler.dimensions,
        )
        butler.registry.registerDatasetType(type_)
        butler.collections.register("LSSTComCam/upstream")
        table = Table(
            {
                "exposure": np.array([1, 2], dtype=np.int64),
                "detector": np.array([0, 0], dtype=np.int64),
                "amplifier": ["C10", "C10"],
                "BIAS_MEAN": [0.5, 9.0],
                "BIAS_NOISE": [8.0, 8.0],
                "BIAS_VERIFY_MEAN": [True, False],
            }
        )
        butler.put(table, type_, instrument="LSSTComCam", run="LSSTComCam/upstream")
    rows = site.gateway().read_metrics("LSSTComCam/upstream", "verifyBiasTests")
    told = [(row["exposure"], row["test"], row["value"], row["passed"]) for row in rows]
    assert told == [(1, "MEAN", 0.5, True), (2, "MEAN", 9.0, False)]


def test_metrics_that_are_not_there_are_told(site):
    with pytest.raises(NotFoundError, match="has no verifyBiasTests"):
        site.gateway().read_metrics(GENERATED, "verifyBiasTests")
