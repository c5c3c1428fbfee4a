import dataclasses

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.butler.operations.tables import KEEP_META
from calibrations.imaging.brighter_fatter import BrighterFatterKernel
from calibrations.imaging.ptc import PhotonTransferCurve
from calibrations.simulation.effects import NO_EFFECTS
from calibrations.simulation.plan import AmplifierSize, Night, ObservatoryPlan
from tests.support.observatory import FIRST_NIGHT, build_small_observatory
from tests.support.pipelines import (
    DEFAULT,
    INSTRUMENT,
    RAWS,
    certify,
    failure_of,
    run_pipeline,
    select,
)

pytestmark = pytest.mark.long

DETECTOR, N_PAIRS, A00 = 4, 12, -3e-6
PLAN = ObservatoryPlan(
    seed=7,
    detectors=(DETECTOR,),
    size=AmplifierSize(48, 64, serial_overscan=32, parallel_overscan=12),
    nights=(Night(FIRST_NIGHT, {"ptc": N_PAIRS}),),
    faults=(),
    saturated_flat=None,
    effects=dataclasses.replace(NO_EFFECTS, a00=A00),
)
FLATS = select("flat")
# A thousandth of the pixels of a real measurement make a rim that is not quite zero.
SMALL_KERNELS = [
    ("cpBfk", "nLags", 3),
    ("cpBfk", "level", "DETECTOR"),
    ("cpBfk", "fractionK00ForKernelMax", 0.2),
]


class Measured:
    """A repository in which ptc and bfk were made and verified."""

    def __init__(self, observatory):
        self.repository = observatory.repository
        self.truth = observatory.truth(DETECTOR)

    def get(self, name, run, **data_id):
        with Butler.from_config(str(self.repository)) as butler:
            ref = butler.find_dataset(
                name, instrument=INSTRUMENT, collections=run, **data_id
            )
            assert ref is not None, name
            table = ref.datasetType.storageClass_name == "ArrowAstropy"
            return butler.get(ref, parameters=KEEP_META if table else None)

    def curves(self, run="gen/ptc"):
        table = self.get("ptc", run, detector=DETECTOR)
        return PhotonTransferCurve.from_table(table)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    observatory = build_small_observatory(tmp_path_factory.mktemp("ptc"), PLAN)
    repository = observatory.repository
    run_pipeline(
        repository,
        "cpPtc",
        run="gen/ptc",
        where=FLATS,
        inputs=(RAWS,),
        config=[("cpPtc", "applies", []), ("cpPtc", "doAdjustGainRatios", False)],
    )
    certify(repository, "gen/ptc", "ptc", f"{DEFAULT}/ptc")
    run_pipeline(repository, "cpBfk", run="gen/bfk", where=FLATS, config=SMALL_KERNELS)
    certify(repository, "gen/bfk", "bfk", f"{DEFAULT}/bfk")
    for stage in ("Ptc", "Gain", "Bfk"):
        run_pipeline(repository, f"verify{stage}", run=f"verify/{stage}", where=FLATS)
    return Measured(observatory)


def column(measured, name):
    return np.array([getattr(curve, name) for curve in measured.curves().values()])


def check_fit(values, truth, errors):
    """Sixteen amplifiers within their errors, and on average too.

    Equation 16 and the simulator differ by less than an error.
    """
    pulls = (values - truth) / errors
    assert np.abs(pulls).max() < 5
    assert abs(pulls.mean()) < 5 / np.sqrt(16) + 1


def check_overscan_noise(noises_e, truth):
    """Clipping and medians of 26 columns change it by 4 %, chance by 0.5 %."""
    ratios = noises_e / truth
    assert np.abs(ratios - 1).max() < 0.05


def test_gains_noise_and_a00_are_the_simulated_ones(measured):
    truth = measured.truth
    assert tuple(measured.curves()) == tuple(truth.amplifiers)
    assert not column(measured, "bad").any()
    errors = {n: column(measured, f"{n}_error") for n in ("gain", "a00")}
    check_fit(column(measured, "gain"), truth.gain, errors["gain"])
    check_fit(column(measured, "a00"), A00, errors["a00"])
    check_fit(
        column(measured, "noise_e"),
        truth.read_noise_e,
        column(measured, "noise_error_e"),
    )
    noises = np.median(column(measured, "noises_adu"), axis=1)
    check_overscan_noise(noises * truth.gain, truth.read_noise_e)


@pytest.mark.parametrize("wrong", ["zeros", "start", "uncorrected"])
def test_a_wrong_gain_is_noticed(measured, wrong):
    # Means over variances of the bright half, brighter-fatter uncorrected. The camera's
    # own gains are a third of a per cent off, which only the full size can tell.
    ratios = column(measured, "raw_means_adu") / column(measured, "raw_variances_adu2")
    gains = {
        "zeros": np.zeros(16),
        "start": np.full(16, 1.5),
        "uncorrected": ratios[:, N_PAIRS // 2 :].mean(axis=1),
    }
    with pytest.raises(AssertionError):
        check_fit(gains[wrong], measured.truth.gain, column(measured, "gain_error"))


@pytest.mark.parametrize("wrong", [0.0, -2e-6, -A00], ids=["zero", "start", "sign"])
def test_a_wrong_a00_is_noticed(measured, wrong):
    with pytest.raises(AssertionError):
        check_fit(np.full(16, wrong), A00, column(measured, "a00_error"))


@pytest.mark.parametrize("wrong", ["zeros", "nominal", "in adu"])
def test_a_wrong_read_noise_is_noticed(measured, wrong):
    truth = measured.truth
    noises = {
        "zeros": np.zeros(16),
        "nominal": truth.nominal_read_noise_e,
        "in adu": np.median(column(measured, "noises_adu"), axis=1),
    }
    with pytest.raises(AssertionError):
        check_overscan_noise(noises[wrong], truth.read_noise_e)


def around(kernel, y, x):
    """Give the area's change at a lag: the kernel's Laplacian, turned over."""
    c = kernel.shape[0] // 2
    y, x = c + y, c + x
    beside = kernel[y + 1, x] + kernel[y - 1, x] + kernel[y, x + 1] + kernel[y, x - 1]
    return 4 * kernel[y, x] - beside


def check_kernel(kernel, truth):
    """At the centre and its neighbours: what pixels lose and gain per electron.

    All flats of a detector leave 2e-8; lags that are left out, and the orders of the
    effect beyond the second, a quarter of the centre.
    """
    a = truth.a_matrix
    assert abs(around(kernel, 0, 0) / a[0, 0] - 1) < 0.27
    assert around(kernel, 0, 1) > 5 * 2e-8
    assert around(kernel, 1, 0) > around(kernel, 0, 1) + 5 * 2e-8


def test_a_wrong_kernel_is_noticed(measured):
    table = measured.get("bfk", "gen/bfk", detector=DETECTOR)
    kernel = next(iter(BrighterFatterKernel.from_table(table).values())).kernel
    check_kernel(kernel, measured.truth)
    gain = measured.truth.gain[0]
    # None, upstream's starting value, per ADU, and turned by a right angle.
    for wrong in (0 * kernel, kernel * 2 / 3, kernel / gain, kernel.T, -kernel):
        with pytest.raises(AssertionError):
            check_kernel(wrong, measured.truth)


def test_the_table_tells_every_pair_and_where_it_is_from(measured):
    table = measured.get("ptc", "gen/ptc", detector=DETECTOR)
    assert table.meta["kind"] == "ptc"
    assert table.meta["UNPAIRED"] == []
    ids = {table.meta[f"CPP_INPUT_{i}"] for i in range(2 * N_PAIRS)}
    assert ids == {FIRST_NIGHT * 100000 + i + 1 for i in range(2 * N_PAIRS)}
    assert table.meta["DATE-BEG"] < table.meta["DATE-END"]
    for curve in measured.curves().values():
        assert curve.exposures.shape == (N_PAIRS, 2)
        assert (np.diff(curve.raw_means_adu) > 0).all()
        assert curve.covariances_adu2.shape == (N_PAIRS, 10, 10)
        # The two flats of a pair are neighbours in time.
        assert (np.diff(curve.exposures, axis=1) == 1).all()


def test_kernels_come_from_the_curves_covariances(measured):
    kernels = BrighterFatterKernel.from_table(
        measured.get("bfk", "gen/bfk", detector=DETECTOR)
    )
    assert tuple(kernels) == tuple(measured.truth.amplifiers)
    gains = {name: curve.gain for name, curve in measured.curves().items()}
    for name, kernel in kernels.items():
        assert kernel.gain == gains[name]
        assert kernel.kernel.shape == (7, 7)
        assert kernel.kernel[3, 3] == kernel.kernel.min() < 0


def test_verification_of_curves_has_upstreams_columns(measured):
    results = measured.get("verifyPtcResults", "verify/Ptc")
    assert len(results) == 16
    assert "exposure" not in results.colnames
    assert set(results.colnames) >= {
        "instrument",
        "detector",
        "amplifier",
        "PTC_PTC_GAIN",
        "PTC_AMP_GAIN",
        "PTC_PTC_NOISE",
        "PTC_AMP_NOISE",
        "PTC_PTC_TURNOFF",
        "PTC_PTC_BFE_A00",
        "PTC_PTC_FIT_TYPE",
        "PTC_PTC_RAW_MEANS",
        "PTC_PTC_RAW_VARIANCE",
        "PTC_PTC_FINAL_MEANS",
        "PTC_PTC_FINAL_VARIANCE",
        "PTC_PTC_MAX_RAW_MEANS",
        "PTC_PTC_EXP_ID_MASK",
        "PTC_PTC_ROW_MEAN_VARIANCE",
        "PTC_PTC_ROW_MEAN_VARIANCE_SLOPE",
        "PTC_VERIFY_PTC_GAIN",
        "PTC_VERIFY_PTC_NOISE",
        "PTC_VERIFY_NOISE_SIGNAL_INDEPENDENCE",
        "PTC_VERIFY_PTC_TURNOFF",
        "PTC_VERIFY_PTC_BFE_A00",
        *(f"PTC_PTC_COV_{lag}" for lag in ("10", "01", "11", "20", "02")),
        *(f"PTC_PTC_COV_{lag}_FIT_SLOPE" for lag in ("10", "01", "11", "20", "02")),
        "PTC_PTC_COV_10_FIT_OFFSET",
        "PTC_PTC_COV_10_FIT_SUCCESS",
    }
    # White noise would give one; brighter-fatter takes away up to 30 % of the variance
    # of bright rows. Noise common to a row would add to it.
    assert 0.75 < np.mean(results["PTC_PTC_ROW_MEAN_VARIANCE_SLOPE"]) < 1.0


def test_verdicts_on_curves_are_merged_and_lose_nothing(measured):
    tests = measured.get("verifyPtcTests", "verify/Ptc")
    assert len(tests) == 16 * 5
    assert set(tests["exposure"]) == {0}
    stats = measured.get("verifyPtcStats", "verify/Ptc")
    failed = tests[~tests["passed"]]
    named = {f"{row['amplifier']} {row['test']}" for row in failed}
    assert set(stats["R22_S11"].get("FAILURES", [])) == named
    assert stats["SUCCESS"] is not bool(named)
    # Curves reach 110 000 electrons, and noise does not depend on the signal.
    for test in ("PTC_TURNOFF", "NOISE_SIGNAL_INDEPENDENCE"):
        assert tests[tests["test"] == test]["passed"].all(), test
    # The simulated noise is nine tenths of the nominal one, which is to be seen.
    noise = tests[tests["test"] == "PTC_NOISE"]
    expected = [
        100 * abs(one - nominal) / nominal
        for one, nominal in zip(
            (curve.noise_e for curve in measured.curves().values()),
            measured.truth.nominal_read_noise_e,
            strict=True,
        )
    ]
    np.testing.assert_allclose(noise["value"], expected, rtol=1e-6)


def test_gains_of_pairs_are_compared_with_the_camera(measured):
    tests = measured.get("verifyGainTests", "verify/Gain")
    gains = tests[tests["test"] == "GAIN_FROM_FLAT_PAIR"]
    assert len(gains) == 16
    # Corrected for brighter-fatter they are near the simulated gains, to the error
    # of some pairs of 2500 pixels and what a straight line cannot correct.
    results = measured.get("verifyGainResults", "verify/Gain")
    whole = results[results["exposure"] == 0]
    corrected = whole["GAIN_GAIN_FROM_FLAT_PAIR"] * whole["GAIN_GAIN_CORRECTION_FACTOR"]
    ratios = np.array(corrected) / measured.truth.gain
    assert np.abs(ratios - 1).max() < 5 * np.sqrt(2 / 2500 / 3) + 0.02
    assert len(results) == 16 * (N_PAIRS + 1)


def test_kernels_are_judged_by_what_they_leave(measured):
    results = measured.get("verifyBfkResults", "verify/Bfk")
    assert len(results) == 16
    assert (results["BFK_KERNEL_VALID"] == 1).all()
    tests = measured.get("verifyBfkTests", "verify/Bfk")
    assert set(tests["test"]) == {"KERNEL_VALID", "NEIGHBOUR_COVARIANCE", "VARIANCE"}
    before = np.mean(results["BFK_NEIGHBOUR_BEFORE"])
    after = np.mean(results["BFK_NEIGHBOUR_AFTER"])
    error = np.mean(results["BFK_NEIGHBOUR_ERROR"]) / np.sqrt(16)
    assert before > 5 * error
    assert abs(after) < 0.5 * before + 3 * error
    # Nobody's variance is that of photons before, nearly everybody's after.
    assert np.mean(results["BFK_VARIANCE_RATIO_BEFORE"]) < 0.95
    assert abs(np.mean(results["BFK_VARIANCE_RATIO_AFTER"]) - 1) < 0.05


def test_flats_without_partners_are_refused(measured):
    said = failure_of(
        measured.repository,
        "cpPtc",
        run="gen/alone",
        where=select("flat", f"exposure.seq_num IN (1, 3, {2 * N_PAIRS})"),
        config=[("cpPtc", "applies", [])],
    )
    assert "None of 3 flats has a partner of the same time" in said


def test_too_few_pairs_make_bad_amplifiers_that_say_so(measured):
    run_pipeline(
        measured.repository,
        "cpPtc",
        run="gen/few",
        where=select("flat", "exposure.seq_num IN (1, 2, 3, 4, 5)"),
        config=[("cpPtc", "applies", [])],
    )
    table = measured.get("ptc", "gen/few", detector=DETECTOR)
    assert table["BAD"].all()
    assert np.isnan(table["GAIN"]).all()
    assert table["REASON"][0] == "2 of 2 pairs are usable where 4 are needed"
    assert table.meta["UNPAIRED"] == [FIRST_NIGHT * 100000 + 5]
