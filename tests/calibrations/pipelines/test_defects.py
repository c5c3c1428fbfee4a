"""Defects planted at twice the threshold go through every pipeline that sees them."""

import numpy as np
import pytest
from astropy.table import Table
from lsst.daf.butler import Butler, DatasetType

from calibrations.butler.operations.tables import KEEP_META
from calibrations.imaging.defects import DefectBoxes, mask_defects
from calibrations.simulation.effects import Effects
from tests.support.observatory import FIRST_NIGHT, build_small_observatory
from tests.support.pipelines import (
    DEFAULT,
    INSTRUMENT,
    RAWS,
    certify,
    run_pipeline,
    select,
)

pytestmark = pytest.mark.long

DETECTOR = 4
FILTER = "r_03"
FIRST = f"exposure.day_obs={FIRST_NIGHT}"
N_PLANTED = 2


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    """Defects are planted; bias, dark and flat for them are certified."""
    observatory = build_small_observatory(
        tmp_path_factory.mktemp("defects"),
        detectors=(DETECTOR,),
        frames=(6, 1),
        effects=Effects(planted_defects=N_PLANTED),
        seed=5,
    )
    repository = observatory.repository
    for kind, name, raw_kind in (
        ("bias", "cpBias", "bias"),
        ("dark_for_defects", "cpDarkForDefects", "dark"),
        ("flat_for_defects", "cpFlatForDefects", "flat"),
        ("biasBootstrap", "lsst/cpBiasBootstrap", "bias"),
        ("darkBootstrap", "lsst/cpDarkBootstrap", "dark"),
        ("flatBootstrap", "lsst/cpFlatBootstrap", "flat"),
        ("defects", "cpDefects", "flat"),
    ):
        where = select(raw_kind, FIRST)
        run_pipeline(repository, name, run=f"gen/{kind}", where=where)
        certify(repository, f"gen/{kind}", kind, f"{DEFAULT}/{kind}")
    return observatory


def read(observatory, name, run, **data_id):
    with Butler.from_config(str(observatory.repository)) as butler:
        (ref,) = butler.query_datasets(
            name, run, instrument=INSTRUMENT, detector=DETECTOR, **data_id
        )
        is_table = ref.datasetType.storageClass_name == "ArrowAstropy"
        return butler.get(ref, parameters=KEEP_META if is_table else None)


def planted(observatory, *kinds):
    truth = observatory.truth(DETECTOR)
    chosen = np.isin(truth.defect_kinds, kinds or ("hot", "cold", "bias"))
    boxes = DefectBoxes(*truth.defects[chosen].T)
    return mask_defects(boxes, truth.response.shape)


def found_mask(observatory, run="gen/defects", name="defects", **data_id):
    table = read(observatory, name, run, **data_id)
    return mask_defects(
        DefectBoxes.from_table(table), observatory.truth(DETECTOR).response.shape
    )


def check_found(found, observatory):
    """6 pixels in each of 16 amplifiers and two columns, at twice the threshold.

    The images are tens of sigma clear of it.
    """
    assert np.array_equal(found, planted(observatory))


def test_what_is_planted_is_found_and_nothing_else(observatory):
    check_found(found_mask(observatory), observatory)
    table = read(observatory, "defects", "gen/defects")
    assert table.colnames == ["x0", "y0", "width", "height"]
    assert (table["width"] * table["height"]).sum() == planted(observatory).sum()


def test_wrong_defects_are_noticed(observatory):
    found = found_mask(observatory)
    flat = read(
        observatory, "flat_for_defects", "gen/flat_for_defects", physical_filter=FILTER
    )
    for wrong in (
        np.zeros_like(found),
        np.ones_like(found),
        # One calibration alone; the neighbours; what a flat's nominal scatter clips.
        planted(observatory, "hot"),
        np.roll(found, 1, axis=1),
        np.abs(flat.data - 1) > 0.03,
    ):
        with pytest.raises(AssertionError):
            check_found(wrong, observatory)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("cpDefectsFromBias", "bias"),
        ("cpDefectsFromDark", "hot"),
        ("cpDefectsFromFlat", "cold"),
    ],
)
def test_each_calibration_shows_its_own_kind(observatory, name, kind):
    more = {"physical_filter": FILTER} if name.endswith("Flat") else {}
    found = found_mask(observatory, name=name, **more)
    assert np.array_equal(found, planted(observatory, kind))
    # What another kind would give is not what is found.
    assert not np.array_equal(found, planted(observatory))


def test_counts_are_kept_with_the_table(observatory):
    meta = read(observatory, "defects", "gen/defects").meta
    hot = planted(observatory, "hot")
    cold = planted(observatory, "cold")
    bias = planted(observatory, "bias")
    names = [key.split()[3] for key in meta if key.endswith(" N_HOT")]
    assert len(names) == 16
    n_hot = sum(meta[f"LSST CALIB DEFECTS {name} N_HOT"] for name in names)
    n_cold = sum(meta[f"LSST CALIB DEFECTS {name} N_COLD"] for name in names)
    # A pixel that is 2000 ADU high in the bias is hot, too.
    assert n_hot == hot.sum() + bias.sum()
    assert n_cold == cold.sum()
    assert meta["LSST CALIB DEFECTS BIAS SOURCE"] == "bias"
    assert meta["LSST CALIB DEFECTS DARK SOURCE RUN"] == "gen/dark_for_defects"
    assert meta["LSST CALIB DEFECTS FLAT SOURCE"] == "flat_for_defects"
    assert meta["LSST CALIB DEFECTS FLAT N_INPUTS"] == 6


def test_a_dark_for_defects_is_a_dark_with_the_bias_alone_applied(observatory):
    header = read(observatory, "dark_for_defects", "gen/dark_for_defects").header
    assert header["OBSTYPE"] == "dark"
    assert header["BUNIT"] == "electron/s"
    assert header["LSST CALIB RUN BIAS"] == "gen/bias"
    assert "LSST CALIB RUN DEFECTS" not in header
    flat = read(
        observatory,
        "flat_for_defects",
        "gen/flat_for_defects",
        physical_filter=FILTER,
    ).header
    assert "LSST CALIB RUN DARK" not in flat


def test_bootstraps_are_in_adu_and_know_no_gain(observatory):
    truth = observatory.truth(DETECTOR)
    bias = read(observatory, "biasBootstrap", "gen/biasBootstrap")
    dark = read(observatory, "darkBootstrap", "gen/darkBootstrap")
    assert bias.header["BUNIT"] == "adu"
    assert dark.header["BUNIT"] == "adu/s"
    assert dark.header["LSST ISR GAIN C10"] == 1.0
    assert dark.header["LSST CALIB RUN BIAS"] == "gen/biasBootstrap"
    quiet = ~planted(observatory)
    # The same numbers as the truth that the simulator drew in ADU, within the noise
    # of six frames (8 e- and gain 1.4: 2 ADU) and of the overscan's own level.
    difference = (bias.data - truth.bias_adu)[quiet]
    assert abs(np.median(difference)) < 1.0
    assert 1.0 < difference.std() < 3.5
    # The dark's bias is subtracted (upstream's is not): hot pixels of 10 e-/s are
    # 7 ADU/s over a level near nothing.
    hot = planted(observatory, "hot")
    gain = np.median(truth.gain)
    assert np.median(dark.data[hot]) == pytest.approx(10.0 / gain, rel=0.1)
    assert abs(np.median(dark.data[quiet])) < 0.1
    biased = planted(observatory, "bias")
    assert abs(np.median(dark.data[biased])) < 1.0


def test_the_order_of_cp_pipe_finds_the_same(observatory):
    run_pipeline(
        observatory.repository,
        "lsst/cpDefects",
        run="gen/lsst",
        where=select("flat", FIRST),
    )
    assert np.array_equal(found_mask(observatory, "gen/lsst"), planted(observatory))
    meta = read(observatory, "defects", "gen/lsst").meta
    assert meta["LSST CALIB DEFECTS DARK SOURCE"] == "darkBootstrap"


def test_edges_and_manual_boxes_are_added(observatory, tmp_path):
    copy = observatory.copied_to(tmp_path / "copy")
    with Butler.from_config(
        str(copy.repository), writeable=True, run="curated/manual"
    ) as butler:
        butler.registry.registerDatasetType(
            DatasetType(
                "manual_defects",
                ("instrument", "detector"),
                "ArrowAstropy",
                universe=butler.dimensions,
                isCalibration=True,
            )
        )
        manual = Table({"x0": [40], "y0": [30], "width": [5], "height": [9]})
        butler.put(manual, "manual_defects", instrument=INSTRUMENT, detector=DETECTOR)
    certify(copy.repository, "curated/manual", "manual_defects", f"{DEFAULT}/manual")
    run_pipeline(
        copy.repository,
        "cpDefects",
        run="gen/manual",
        where=select("flat", FIRST),
        config=(
            ("cpMergeDefects", "edgesAsDefects", True),
            ("cpMergeDefects", "nPixBorderUpDown", 7),
            ("cpMergeDefects", "nPixBorderLeftRight", 8),
        ),
    )
    expected = planted(copy)
    expected[30:39, 40:45] = True
    expected[:7] = expected[-7:] = True
    expected[:, :8] = expected[:, -8:] = True
    assert np.array_equal(found_mask(copy, "gen/manual"), expected)
    meta = read(copy, "defects", "gen/manual").meta
    assert meta["LSST CALIB DEFECTS N_MANUAL"] == 1


def test_a_calibration_that_is_missing_is_named(observatory):
    with pytest.raises(FileNotFoundError, match="dark_for_defects"):
        run_pipeline(
            observatory.repository,
            "cpDefects",
            run="gen/none",
            where=select("flat", FIRST),
            inputs=(RAWS, "gen/bias", f"{DEFAULT}/bias", f"{DEFAULT}/flat_for_defects"),
        )


def test_thresholds_are_a_choice_of_the_configuration(observatory):
    # Ten electrons a second are not twenty: no hot pixel is found.
    run_pipeline(
        observatory.repository,
        "cpDefects",
        run="gen/blind",
        where=select("flat", FIRST),
        config=(("cpMeasureDarkDefects", "darkCurrentThreshold", 20.0),),
    )
    found = found_mask(observatory, "gen/blind")
    assert np.array_equal(found, planted(observatory, "cold", "bias"))


# Verification ------------------------------------------------------------------


def verify(observatory, run, defects_run):
    run_pipeline(
        observatory.repository,
        "verifyDefects",
        run=run,
        where=select("flat", FIRST, "exposure.seq_num IN (13, 14)"),
        inputs=(defects_run, RAWS, DEFAULT),
    )


@pytest.fixture(scope="module")
def verified(observatory):
    verify(observatory, "verify/defects", "gen/defects")
    return observatory


def run_level(observatory, name, run="verify/defects"):
    with Butler.from_config(str(observatory.repository)) as butler:
        return butler.get(name, instrument=INSTRUMENT, collections=run)


def test_good_defects_pass(verified):
    stats = run_level(verified, "verifyDefectsStats")
    assert stats["SUCCESS"] is True, stats
    tests = run_level(verified, "verifyDefectsTests")
    # Two exposures of a detector of 16 amplifiers and five tests: nothing is lost.
    assert len(tests) == 2 * 16 * 5
    assert set(tests["test"]) == {"OUTLIERS", "STDEV", "MIN", "MAX", "PROB_TEST"}
    assert tests["passed"].all()


def test_results_have_upstreams_columns_and_the_verdicts(verified):
    results = run_level(verified, "verifyDefectsResults")
    for column in (
        "DEFECTS_DEFECT_PIXELS",
        "DEFECTS_FRAC",
        "DEFECTS_OUTLIERS",
        "DEFECTS_MEDIAN",
        "DEFECTS_STDEV",
        "DEFECTS_MIN",
        "DEFECTS_MAX",
        "DEFECTS_UNMASKED_STDEV",
        "DEFECTS_UNC_STDEV",
        "DEFECTS_STAT_OUTLIERS",
        "DEFECTS_N_HOT",
        "DEFECTS_N_COLD",
        "DEFECTS_VERIFY_PROB_TEST",
        "DEFECTS_VERIFY_SUCCESS",
        "DEFECTS_NUM_COSMICS_BEFORE",
    ):
        assert column in results.colnames, column
    amplifiers = results[results["amplifier"] != ""]
    assert len(amplifiers) == 2 * 16
    first = amplifiers[amplifiers["exposure"] == amplifiers["exposure"].min()]
    assert first["DEFECTS_DEFECT_PIXELS"].sum() == planted(verified).sum()
    assert (first["DEFECTS_UNMASKED_MIN"] < first["DEFECTS_MIN"]).all()
    # The counts of generation, which upstream never fills.
    assert first["DEFECTS_N_COLD"].sum() == planted(verified, "cold").sum()


def test_a_list_without_the_bad_column_fails(observatory, tmp_path):
    copy = observatory.copied_to(tmp_path / "copy")
    truth = copy.truth(DETECTOR)
    # The cold column is left out of the list.
    isolated = truth.defects[truth.defects[:, 3] == 1]
    with Butler.from_config(str(copy.repository), writeable=True, run="gen/bad") as b:
        table = DefectBoxes(*isolated.T).to_table()
        b.put(table, "defects", instrument=INSTRUMENT, detector=DETECTOR)
    verify(copy, "verify/bad", "gen/bad")
    stats = run_level(copy, "verifyDefectsStats", "verify/bad")
    assert stats["SUCCESS"] is False
    failures = {
        text
        for key, child in stats.items()
        if key != "SUCCESS"
        for text in child["FAILURES"]
    }
    assert len(failures) == 1
    assert next(iter(failures)).startswith("R22_S11 C")
    assert next(iter(failures)).endswith(" PROB_TEST")
