"""From raw exposures to certified tables of segments, and their verification."""

import dataclasses

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.imaging.crosstalk import CrosstalkMatrix
from calibrations.imaging.linearity import LinearityType, Linearizer
from calibrations.simulation.effects import Effects
from calibrations.simulation.plan import AmplifierSize, Night
from tests.support.observatory import FIRST_NIGHT, build_small_observatory, small_plan
from tests.support.pipelines import (
    DEFAULT,
    RAWS,
    certify,
    put_bias,
    run_pipeline,
    select,
)

pytestmark = pytest.mark.long

DETECTOR = 4
FLATS = select("flat")
SCIENCE = select("science")
TYPES = {"linearizer": "Linearizer", "cti": "Cti", "crosstalk": "Crosstalk"}
SOLVE = {
    "linearizer": "cpLinearizerSolve",
    "cti": "cpCtiSolve",
    "crosstalk": "cpCrosstalkSolve",
}
EFFECTS = Effects(
    nonlinearity=(0.006, 0.012),
    global_cti=(1e-6, 2e-6),
    drift_scale=(4e-4, 6e-4),
    trap_size_e=(4.0, 8.0),
    crosstalk=1e-3,
    stars=2,
    star_peak_e=(50000.0, 100000.0),
)


# Flats are bright: the bias is a level. For ghosts of ten electrons its rise at the
# first rows is much, and it is subtracted.
APPLIED = {"linearizer": [], "cti": [], "crosstalk": ["bias"]}
MORE = {"linearizer": (("doSplineFitOffset", True), ("splineKnots", 4))}


class Segments:
    """A repository in which the three were built, certified and verified."""

    def __init__(self, observatory):
        self.repository = observatory.repository
        self.truth = observatory.truth(DETECTOR)

    def get(self, dataset_type, run, **data_id):
        with Butler.from_config(str(self.repository)) as butler:
            return butler.get(
                dataset_type, instrument="LSSTComCam", collections=run, **data_id
            )

    def product(self, kind):
        return self.get(kind, f"gen/{kind}", detector=DETECTOR)

    def tests(self, kind, run=None):
        name = f"verify{TYPES[kind]}DetTests"
        return self.get(name, run or f"verify/{kind}", detector=DETECTOR)


def options(label, kind, applies):
    """Apply nothing but what is named, and fit what the frames have."""
    more = ((label, name, value) for name, value in MORE.get(kind, ()))
    return ((label, "applies", applies), *more)


@pytest.fixture(scope="module")
def segments(tmp_path_factory):
    plan = small_plan(
        detectors=(DETECTOR,),
        size=AmplifierSize(72, 90),
        effects=EFFECTS,
        sky_level_e=200.0,
        ptc_fluctuation=2e-4,
    )
    plan = type(plan)(
        **{
            **plan.__dict__,
            "nights": (Night(FIRST_NIGHT, {"ptc": 10, "science": 6}),),
        }
    )
    observatory = build_small_observatory(tmp_path_factory.mktemp("segments"), plan)
    repository = observatory.repository
    put_bias(repository, DETECTOR, observatory.truth(DETECTOR))
    certify(repository, "gen/bias", "bias", f"{DEFAULT}/bias")
    # Nothing else is there: what the pipelines apply beside it is taken out.
    for kind, name in TYPES.items():
        where = SCIENCE if kind == "crosstalk" else FLATS
        run_pipeline(
            repository,
            f"cp{name}",
            run=f"gen/{kind}",
            where=where,
            config=options(SOLVE[kind], kind, APPLIED[kind]),
        )
        certify(repository, f"gen/{kind}", kind, f"{DEFAULT}/{kind}")
    for kind, name in TYPES.items():
        run_pipeline(
            repository,
            f"verify{name}",
            run=f"verify/{kind}",
            where=SCIENCE if kind == "crosstalk" else FLATS,
            inputs=(f"gen/{kind}", RAWS, DEFAULT),
            config=options(f"verify{name}Det", kind, [*APPLIED[kind], kind]),
        )
    run_pipeline(
        repository,
        "lsst/cpCrosstalk",
        run="gen/quadratic",
        where=SCIENCE,
        config=options(SOLVE["crosstalk"], "crosstalk", APPLIED["crosstalk"]),
    )
    return Segments(observatory)


@pytest.mark.parametrize("kind", ["linearizer", "cti", "crosstalk"])
def test_good_calibrations_pass(segments, kind):
    tests = segments.tests(kind)
    failed = tests[~np.asarray(tests["passed"], bool) & ~tests["advisory"]]
    assert len(failed) == 0, failed
    assert set(tests["exposure"]) == {0}
    stats = segments.get(f"verify{TYPES[kind]}Stats", f"verify/{kind}")
    assert stats["SUCCESS"] is True
    results = segments.get(f"verify{TYPES[kind]}Results", f"verify/{kind}")
    assert len(results) == 16 + (kind == "crosstalk")


def test_matrix_has_a_row_for_each_pair(segments):
    for name, run in (("Det", {"detector": DETECTOR}), ("", {})):
        table = segments.get(f"verifyCrosstalk{name}Matrix", "verify/crosstalk", **run)
        pairs = list(zip(table["amplifierIdx"], table["amplifierCompIdx"], strict=True))
        assert len(set(pairs)) == 256
    # Upstream's are all the same row.
    finite = np.isfinite(table["coefficient"])
    assert len(set(table["coefficient"][finite].tolist())) > 100


LEVELS_E = np.geomspace(1500.0, 100000.0, 40)


def check_linearizers(linearizers, truth):
    """What the true curve leaves is in proportion to light, but for 0.3 %.

    Ten pairs and four knots leave 0.1 % as a rule; uncorrected it is 0.5 to 0.9 %.
    """
    for i, name in enumerate(truth.amplifiers):
        adu = (truth.responded_e(name, LEVELS_E) / truth.gain[i]).astype(np.float32)
        ratio = linearizers[name].linearize(adu[np.newaxis])[0] / LEVELS_E
        assert np.abs(ratio / ratio.mean() - 1).max() < 0.003, name


def test_a_wrong_linearizer_is_noticed(segments):
    truth = segments.truth
    good = Linearizer.from_table(segments.product("linearizer"))
    check_linearizers(good, truth)

    def spline(one, factor):
        """The same nodes, and values changed by a factor."""
        coeffs = one.coeffs.copy()
        coeffs[coeffs.size // 2 :] *= factor
        return dataclasses.replace(one, coeffs=coeffs)

    assert {one.type for one in good.values()} == {LinearityType.SPLINE}
    # Uncorrected; zeros; half of what it takes, as a vendor's number may be; reversed.
    for wrong in (
        {name: Linearizer(name, LinearityType.NONE) for name in good},
        {name: spline(one, 0.0) for name, one in good.items()},
        {name: spline(one, 0.5) for name, one in good.items()},
        {name: spline(one, -1.0) for name, one in good.items()},
    ):
        with pytest.raises(AssertionError):
            check_linearizers(wrong, truth)


def check_deferred_charge(values, table, truth):
    """Offset, its decay and the global loss, each within five of its errors."""
    for name, value in values.items():
        pulls = (value - getattr(truth, name.lower())) / table[f"{name}_ERR"]
        assert np.abs(pulls).max() < 5, name
        assert abs(pulls.mean()) < 5 / np.sqrt(len(table)), name


def test_a_wrong_deferred_charge_is_noticed(segments):
    table, truth = segments.product("cti"), segments.truth
    names = ("DRIFT_SCALE", "DECAY_TIME", "GLOBAL_CTI")
    good = {name: np.asarray(table[name]) for name in names}
    check_deferred_charge(good, table, truth)
    # None (uncorrected), upstream's starting values (of the loss, the least of its
    # range), and twice as much.
    start = {"DRIFT_SCALE": 2.2e-4, "DECAY_TIME": 2.4, "GLOBAL_CTI": 1e-12}
    for name in names:
        for wrong in (0.0, start[name], 2 * good[name]):
            with pytest.raises(AssertionError):
                check_deferred_charge({name: wrong}, table, truth)


def check_crosstalk(coeffs, matrix, truth):
    """Pulls of 224 to 239 pairs: mean 0 ± 0.07, deviation 1 ± 0.05; 3 and 4 of these.

    What the output does to signals matters not: ghosts are of what it gave.
    """
    known = np.isfinite(matrix.coeffs) & ~np.eye(len(matrix.amplifiers), dtype=bool)
    pulls = ((coeffs - truth.crosstalk) / matrix.errors)[known]
    assert known.sum() > 200
    assert np.abs(pulls).max() < 5
    assert abs(pulls.mean()) < 0.22
    assert abs(pulls.std() - 1) < 0.2


@pytest.mark.parametrize("run", ["gen/crosstalk", "gen/quadratic"])
def test_a_wrong_crosstalk_is_noticed(segments, run):
    matrix = CrosstalkMatrix.from_table(
        segments.get("crosstalk", run, detector=DETECTOR)
    )
    assert matrix.squared.any() == (run == "gen/quadratic")
    truth = segments.truth
    check_crosstalk(matrix.coeffs, matrix, truth)
    near = np.abs(np.subtract(*np.indices(matrix.coeffs.shape))) == 1
    nominal = np.where(near, 5e-4, 0.0)
    # None (which is also the uncorrected), the same for all neighbours, and turned.
    for wrong in (np.zeros_like(matrix.coeffs), nominal, matrix.coeffs.T):
        with pytest.raises(AssertionError):
            check_crosstalk(wrong, matrix, truth)
