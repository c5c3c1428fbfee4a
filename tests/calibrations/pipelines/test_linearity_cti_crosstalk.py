"""From raw exposures to certified tables of segments, and their verification."""

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.simulation.effects import Effects
from calibrations.simulation.plan import AmplifierSize, Night
from tests.support.observatory import FIRST_NIGHT, build_small_observatory, small_plan
from tests.support.pipelines import DEFAULT, RAWS, certify, run_pipeline, select

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


# The bias is not subtracted here: it is a level.
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
    # No other calibration is there: what the pipelines apply is taken out.
    for kind, name in TYPES.items():
        where = SCIENCE if kind == "crosstalk" else FLATS
        run_pipeline(
            repository,
            f"cp{name}",
            run=f"gen/{kind}",
            where=where,
            config=options(SOLVE[kind], kind, []),
        )
        certify(repository, f"gen/{kind}", kind, f"{DEFAULT}/{kind}")
    for kind, name in TYPES.items():
        run_pipeline(
            repository,
            f"verify{name}",
            run=f"verify/{kind}",
            where=SCIENCE if kind == "crosstalk" else FLATS,
            inputs=(f"gen/{kind}", RAWS, DEFAULT),
            config=options(f"verify{name}Det", kind, [kind]),
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
