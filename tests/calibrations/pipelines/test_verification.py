import math
from io import StringIO
from uuid import UUID

import numpy as np
import pytest
import yaml
from django.core.management import CommandError, call_command
from lsst.daf.butler import Butler

from calibrations.domain.criteria import CRITERIA_VERSION, criteria_for
from calibrations.pipelines.verify import VerifyBiasTask
from calibrations.pipelines.verify_diagnostics import Remembered
from tests.calibrations.pipelines.conftest import DETECTORS, GROWN, JUST_OVER
from tests.support.observatory import FIRST_NIGHT, SECOND_NIGHT
from tests.support.pipelines import build_graph, select

pytestmark = pytest.mark.long

STAGES = ("bias", "dark", "flat")
SEQUENCE = {"bias": 1, "dark": 2, "flat": 3}


def second_night(kind):
    return SECOND_NIGHT * 100000 + SEQUENCE[kind]


def failing(lifecycle, kind):
    """Names of the tests that decide and failed, by exposure."""
    tests = lifecycle.verified("Tests", kind)
    failed = tests[~tests["passed"] & ~tests["advisory"]]
    return {
        (int(row["exposure"]), int(row["detector"]), str(row["amplifier"]))
        for row in failed
    }


@pytest.mark.parametrize("kind", ["bias", "dark"])
def test_noise_that_grew_is_found_and_healthy_amplifiers_pass(lifecycle, kind):
    exposure = second_night(kind)
    assert failing(lifecycle, kind) == {
        (exposure, GROWN.detector, GROWN.amplifier),
        (exposure, JUST_OVER.detector, JUST_OVER.amplifier),
    }


def test_only_the_saturated_flat_fails(lifecycle):
    failed = failing(lifecycle, "flat")
    assert {exposure for exposure, _, _ in failed} == {lifecycle.saturated_exposure}
    # All 32 amplifiers.
    assert len({(d, a) for _, d, a in failed if a}) == 32


def test_run_statistics_have_the_merged_shape_and_lose_nothing(lifecycle):
    stats = lifecycle.verified("Stats", "bias")
    first = FIRST_NIGHT * 100000 + 1
    assert stats["SUCCESS"] is False
    assert stats[first] == {"SUCCESS": True}
    bad = stats[second_night("bias")]
    assert bad["SUCCESS"] is False
    assert bad["FAILURES"] == ["R22_S11 C03 NOISE", "R22_S21 C15 NOISE"]
    assert "R22_S11 C03 READ_NOISE_CONSISTENT" in bad["WARNINGS"]
    flat = lifecycle.verified("Stats", "flat")[lifecycle.saturated_exposure]
    assert "R22_S11 C10 PROCESSING" in flat["FAILURES"]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", STAGES)
def test_upstreams_yaml_can_be_made_of_the_rows_again(lifecycle, kind):
    """The command writes what merging wrote, failures and all."""
    out = StringIO()
    more = ("--exposure", str(second_night(kind))) if kind == "flat" else ()
    run = (str(lifecycle.repository), f"verify/{kind}", kind)
    camera = ("--instrument", "LSSTComCam")
    call_command("export_verification", *run, *camera, *more, stdout=out)
    tree = yaml.safe_load(out.getvalue())
    if kind == "flat":
        merged = lifecycle.verified("ExpStats", kind, exposure=second_night(kind))
        assert tree.pop("VERIFY") == merged.pop("VERIFY")
        merged.pop("EXP")
    else:
        merged = lifecycle.verified("Stats", kind)
    assert tree == merged
    assert len(tree) > 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ((), "verify is no camera; --instrument names one: LSSTComCam"),
        (("--instrument", "LATISS"), "no detector 4, 7, which the tests name"),
        (
            ("--instrument", "LSSTComCam", "--exposure", "7"),
            "There is no test of exposure 7; there are 20261",
        ),
    ],
)
def test_what_cannot_be_exported_is_said(lifecycle, more, sentence):
    run = (str(lifecycle.repository), "verify/bias", "Bias")
    with pytest.raises(CommandError, match=sentence) as refusal:
        call_command("export_verification", *run, *more, stdout=StringIO())
    assert refusal.value.returncode == 2


def test_exposure_statistics_name_detectors(lifecycle):
    stats = lifecycle.verified("ExpStats", "bias", exposure=second_night("bias"))
    # Its overscan is as noisy: a warning, which does not decide.
    assert stats["R22_S21"] == {
        "SUCCESS": False,
        "FAILURES": ["C15 NOISE"],
        "WARNINGS": ["C15 READ_NOISE_CONSISTENT"],
    }
    flat = lifecycle.verified("ExpStats", "flat", exposure=second_night("flat"))
    assert flat["SUCCESS"] is True
    assert flat["VERIFY"] == {"EXP": {"SCATTER": True}}
    assert flat["EXP"]["SCATTER"] / flat["EXP"]["MEAN"] < 0.05
    # In electrons it is far beyond 0.05: upstream would fail this good exposure.
    assert flat["EXP"]["SCATTER"] > 0.05


@pytest.mark.parametrize("kind", STAGES)
def test_detector_statistics_have_upstreams_shape(lifecycle, kind):
    stats = lifecycle.verified(
        "DetStats", kind, exposure=second_night(kind), detector=4
    )
    assert set(stats) == {
        "AMP",
        "METADATA",
        "CATALOG",
        "DET",
        "ISR",
        "VERIFY",
        "SUCCESS",
    }
    assert len(stats["AMP"]) == len(stats["VERIFY"]["AMP"]) == 16
    assert stats["METADATA"]["READ_NOISE_ADU"]["C10"] > 0
    key = f"LSST CALIB {kind.upper()} C10 DISTRIBUTION 50.0-PCT"
    product = lifecycle.product(kind, 4)
    assert stats["ISR"]["CALIBDIST"]["C10"][key] == product.header[key]
    assert 61300 < stats["ISR"]["MJD"] < 61400
    expected = {c.test for c in criteria_for(kind, "AMP")} | {"SUCCESS"}
    assert set(stats["VERIFY"]["AMP"]["C10"]) == expected


def test_results_have_upstreams_columns(lifecycle):
    bias = lifecycle.verified("Results", "bias")
    assert set(bias.colnames) >= {
        "instrument",
        "exposure",
        "detector",
        "amplifier",
        "mjd",
        "BIAS_MEAN",
        "BIAS_NOISE",
        "BIAS_CR_NOISE",
        "BIAS_AMP_CORNER",
        "BIAS_READ_NOISE_ADU",
        "BIAS_VERIFY_MEAN",
        "BIAS_VERIFY_NOISE",
        "BIAS_VERIFY_CR_NOISE",
        "BIAS_VERIFY_PROCESSING",
        "BIAS_VERIFY_SUCCESS",
        "BIAS_VERIFY_READ_NOISE_CONSISTENT",
        "BIAS_BIAS_SHIFT_COUNT",
        "BIAS_BIAS_SHIFT_NOISE",
        "BIAS_BIAS_DIST_50.0_PCT",
        "BIAS_SERIAL_PROF",
        "BIAS_PARALLEL_PROF",
        "BIAS_NOISE_SPECTRUM",
    }
    assert len(bias) == 3 * len(DETECTORS) * 16
    dark = lifecycle.verified("Results", "dark")
    assert {"DARK_MEAN", "DARK_DARK_DIST_95.0_PCT"} <= set(dark.colnames)
    matrix = lifecycle.verified("Matrix", "bias")
    assert len(matrix) == 3 * len(DETECTORS) * 256
    assert matrix.colnames == [
        "detector",
        "detectorComp",
        "ampName",
        "ampComp",
        "imageCorr",
        "overscanCorr",
    ]


def test_flat_results_have_rows_for_detectors_and_exposures(lifecycle):
    flat = lifecycle.verified("Results", "flat")
    no_amplifier = np.asarray(flat["amplifier"]) == ""
    detectors = flat[no_amplifier & (flat["detector"] >= 0)]
    exposures = flat[no_amplifier & (flat["detector"] < 0)]
    assert len(detectors) == 4 * len(DETECTORS)
    assert len(exposures) == 4
    assert np.isfinite(detectors["FLAT_DET_MEAN"]).all()
    assert np.isfinite(detectors["FLAT_DET_SCATTER"]).all()
    assert detectors["FLAT_DET_VERIFY_SCATTER"].all()
    assert np.isfinite(exposures["flat_SCATTER"]).all()
    assert exposures["flat_VERIFY_SCATTER"].all()
    assert set(flat["physical_filter"][~no_amplifier]) == {"r_03"}


@pytest.mark.parametrize("kind", STAGES)
def test_every_row_of_the_long_table_follows_from_the_results(lifecycle, kind):
    """Statistics and limits computed again, from columns, by other formulas."""
    stage = kind.upper()
    results = lifecycle.verified("Results", kind)
    tests = lifecycle.verified("Tests", kind)
    assert set(tests["criteria_version"]) == {CRITERIA_VERSION}
    rows = {
        (int(r["exposure"]), int(r["detector"]), str(r["amplifier"])): r
        for r in results
    }
    header = {d: lifecycle.product(kind, d).header for d in DETECTORS}
    for test in tests[tests["level"] == "AMP"]:
        key = (int(test["exposure"]), int(test["detector"]), str(test["amplifier"]))
        row = rows[key]
        nominal = header[key[1]][f"LSST ISR READNOISE {key[2]}"]
        gain = header[key[1]][f"LSST ISR GAIN {key[2]}"]
        mean, noise = float(row[f"{stage}_MEAN"]), float(row[f"{stage}_NOISE"])
        if test["test"] == "NOISE" and kind == "flat":
            value = noise / 1.05
            limit = math.hypot(math.sqrt(mean * 12 / 11), nominal)
            passed = value <= limit
        elif test["test"] == "NOISE":
            passed = noise <= 1.05 * nominal
        elif test["test"] == "MEAN":
            passed = -noise < mean < noise
        elif test["test"] == "CR_NOISE":
            cleaned = float(row[f"{stage}_CR_NOISE"])
            passed = 0.95 * cleaned <= noise <= 1.05 * cleaned
        elif test["test"] == "READ_NOISE_CONSISTENT":
            passed = float(row[f"{stage}_READ_NOISE_ADU"]) * gain <= 1.05 * nominal
        else:
            passed = key[0] != lifecycle.saturated_exposure
        assert bool(test["passed"]) == passed, (key, test["test"])
        assert bool(row[f"{stage}_VERIFY_{test['test']}"]) == passed
        good = test["value"] < test["limit"] or (
            test["sense"] == "<=" and test["value"] == test["limit"]
        )
        assert bool(test["passed"]) == bool(good)


def test_one_graph_run_twice_gives_the_same_bytes(copied):
    where = select("bias", f"exposure={second_night('bias')}", "detector=4")
    executor, graph = build_graph(
        copied.repository, "verifyBias", run="again", where=where
    )
    executor.pre_execute_qgraph(graph, register_dataset_types=True)

    def fingerprints():
        executor.run_pipeline(graph)
        found = {}
        with Butler.from_config(str(copied.repository), writeable=True) as butler:
            refs = [
                ref
                for ref in butler.query_all_datasets(collections="again")
                # Metadata and logs tell the time, and configurations do not change.
                if not ref.datasetType.name.endswith(("_metadata", "_log", "_config"))
                and ref.datasetType.name != "packages"
            ]
            for ref in refs:
                found[ref.datasetType.name] = butler.getURI(ref).read()
            butler.pruneDatasets(refs, unstore=True, purge=True, disassociate=True)
        return found

    first = fingerprints()
    # Of detector, exposure, run and mosaic; core, extended and by date.
    assert set(first) >= {
        "verifyBiasDetStats",
        "verifyBiasExpTests",
        "verifyBiasMatrix",
        "verifyBiasResidual8",
        "cpBiasCore_metrics",
        "cpBiasExtended_ampBiasSerialProfileHist_GridPlot",
        "cpBiasDetCore_biasTestsByDate_GridPlot",
    }
    assert fingerprints() == first


@pytest.mark.parametrize("kind", STAGES)
def test_a_residual_mosaic_shows_each_exposure(lifecycle, kind):
    mosaic = lifecycle.verified("Residual8", kind, exposure=second_night(kind))
    values = mosaic.data[np.isfinite(mosaic.data)]
    assert mosaic.header["BUNIT"] == "electron"
    assert values.size > 2 * 300
    level = 50000 if kind == "flat" else 0
    assert np.median(values) == pytest.approx(level, rel=0.1, abs=0.5)


@pytest.mark.parametrize("kind", STAGES)
def test_shifts_and_profiles_are_measured_at_every_stage(lifecycle, kind):
    stage = kind.upper()
    results = lifecycle.verified("Results", kind)
    amplifiers = results[results["amplifier"] != ""]
    counts = np.ma.filled(amplifiers[f"{stage}_BIAS_SHIFT_COUNT"], -1)
    assert (counts >= 0).all()
    serial = np.asarray(amplifiers[f"{stage}_SERIAL_PROF"], float)
    # A profile averages to what its amplifier does: no pixel is masked for most.
    level = np.nanmedian(serial, axis=1)
    mean = np.asarray(amplifiers[f"{stage}_MEAN"], float)
    noise = np.asarray(amplifiers[f"{stage}_NOISE"], float)
    assert (np.abs(level - mean) < noise).mean() > 0.9
    # Most noise is white: the spectrum lies at its variance; somewhat below, because
    # the power of a few short rows is skewed and what varies slowly is at its low end.
    power = np.asarray(amplifiers[f"{stage}_NOISE_SPECTRUM"], float)
    share = np.median(power, axis=1) / noise**2
    assert np.median(share) == pytest.approx(0.9, abs=0.1)
    assert ((share > 0.3) & (share < 1.5)).all()
    extremes = [
        np.asarray(amplifiers[f"{stage}_{stage}_DIST_{p}_PCT"], float)
        for p in ("0.0", "50.0", "100.0")
    ]
    assert (extremes[0] < extremes[1]).all()
    assert (extremes[1] < extremes[2]).all()


def test_profiles_can_be_left_out_and_what_is_judged_must_be_applied():
    config = VerifyBiasTask.ConfigClass()
    assert config.doProfiles
    config.validate()
    config.applies = ["defects"]
    with pytest.raises(ValueError, match="to verify a bias it must"):
        config.validate()


def test_diagnostics_find_noise_and_count_what_is_bad(lifecycle):
    bias = lifecycle.verified("Results", "bias")
    # Boxes of the overscan see the noise that all of it does, within its drifts.
    boxes = np.asarray(bias["BIAS_EO_READ_NOISE_ADU"], float)
    whole = np.asarray(bias["BIAS_READ_NOISE_ADU"], float)
    assert np.median(np.abs(boxes / whole - 1)) < 0.05
    grown = (
        (bias["detector"] == GROWN.detector)
        & (bias["amplifier"] == GROWN.amplifier)
        & (bias["exposure"] == second_night("bias"))
    )
    assert boxes[grown] > 1.15 * np.median(boxes)
    dark = lifecycle.verified("Results", "dark")
    assert (np.asarray(dark["DARK_EO_BRIGHT_PIXELS"]) >= 0).all()
    flat = lifecycle.verified("Results", "flat")
    amplifiers = flat[(flat["amplifier"] != "") & (flat["exposure"] > 0)]
    ratio = np.asarray(amplifiers["FLAT_EO_ROW_MEANS_VARIANCE_RATIO"], float)
    assert 0.7 < np.nanmedian(ratio) < 1.3
    assert np.isfinite(np.asarray(amplifiers["FLAT_EO_TEARING"], float)).all()
    assert np.isfinite(np.asarray(amplifiers["FLAT_EO_SERIAL_EPER"], float)).any()


def test_numbers_of_a_calibration_are_measured_once():
    known = Remembered(maximum=2)
    calls = []

    def measure(name):
        calls.append(name)
        return {"C10": {"EO_TEARING": float(len(calls))}}

    ids = [UUID(int=n) for n in range(3)]
    for one in (ids[0], ids[1], ids[0], ids[2], ids[0], ids[1]):
        known.get(one, lambda one=one: measure(one))
    # The one that was not asked for lately was forgotten.
    assert calls == [ids[0], ids[1], ids[2], ids[1]]
