"""Collections are known by what is in them, whatever they are called."""

import json

import pytest

from calibrations.butler.records import DatasetInfo
from reports.domain.contents import Dataset, plan_contents, wanted_types
from reports.domain.stages import StagePlan
from reports.services.gathering import gather_stage
from reports.services.readings import read_metrics
from taxicab.errors import MiddlewareError

BANDS = {"r_03": "r", "i_06": "i"}


def plans_of(*datasets, runs=("v1", "v2", "g1", "g2")):
    found = plan_contents([Dataset(*d) for d in datasets], runs, bands=BANDS)
    return [(p.key, p.generation, p.verification) for p in found]


@pytest.mark.parametrize(
    ("datasets", "expected"),
    [
        # A generation and its verification; results alone are enough to tell it.
        ([("bias", "g1"), ("verifyBiasResults", "v1")], [("bias", "g1", "v1")]),
        ([("verifyBiasDetTests", "v1")], [("bias", "", "v1")]),
        ([("bias", "g1")], [("bias", "g1", "")]),
        # In the order of construction, one for each filter.
        (
            [("flat", "g1", "r_03"), ("flat", "g1", "i_06"), ("bias", "g1")],
            [("bias", "g1", ""), ("flat-i", "g1", ""), ("flat-r", "g1", "")],
        ),
        # A filter of another camera keeps its name, as far as a folder can have it.
        (
            [("verifyFlatResults", "v1", "SDSSr_65mm~empty")],
            [("flat-SDSSr_65mm-empty", "", "v1")],
        ),
        # Two tests of one; as many of both, in order; and where there is doubt, none.
        (
            [("bias", "g1"), ("verifyBiasTests", "v1"), ("verifyBiasTests", "v2")],
            [("bias-1", "g1", "v1"), ("bias-2", "g1", "v2")],
        ),
        (
            [
                ("bias", "g1"),
                ("bias", "g2"),
                ("verifyBiasTests", "v1"),
                ("verifyBiasTests", "v2"),
            ],
            [("bias-1", "g1", "v1"), ("bias-2", "g2", "v2")],
        ),
        (
            [("bias", "g1"), ("bias", "g2"), ("verifyBiasTests", "v1")],
            [("bias-1", "", "v1"), ("bias-2", "g1", ""), ("bias-3", "g2", "")],
        ),
        ([("raw", "v1")], []),
    ],
)
def test_runs_are_paired_by_their_datasets(datasets, expected):
    assert plans_of(*datasets) == expected


def test_gains_are_read_with_the_curve_they_are_of():
    assert {"ptc", "verifyPtcResults", "verifyGainResults"} <= set(wanted_types())
    assert plans_of(("verifyGainTests", "v1")) == [("ptc", "", "v1")]


def test_core_metrics_are_read(tmp_path):
    bundle = {
        "biasNoise": [{"metric": "noise_median", "value": 5.5, "unit": "electron"}],
        "biasMean": [{"metric": "mean_median", "value": None, "unit": ""}],
        "__dataset_identifier": "verifyBias",
    }
    path = tmp_path / "metrics.json"
    path.write_text(json.dumps(bundle))
    assert read_metrics(str(path)) == [
        ("noise_median", 5.5, "electron"),
        ("mean_median", None, ""),
    ]
    path.write_text("[]")
    with pytest.raises(MiddlewareError, match=r"metrics\.json cannot be read"):
        read_metrics(str(path))


def test_a_table_that_only_the_science_pipelines_read_is_listed():
    plan = StagePlan("ptc", "ptc", "ptc", "", "g1", "")
    infos = [DatasetInfo("ptc", {"detector": 4}, "g1", "", "/repo/ptc_4.fits")]
    stage = gather_stage(None, plan, {("g1", "ptc"): infos})
    assert (stage.tables, stage.unreadable) == ({}, [4])
    assert stage.detector_names("LSSTComCam") == {4: "R22_S11"}
