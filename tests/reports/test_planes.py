"""The focal plane's drawing and the numbers it is coloured by."""

import gzip
import json
import re

import numpy as np
import pytest

from calibrations.domain.cameras import CAMERAS, camera
from reports.domain.stages import plan_stages
from reports.services.gathering import StageEvidence
from reports.services.geometry import draw_svg, plane_of, raft_detectors
from reports.services.plane_values import (
    COLOURS,
    MARGIN_COLOURS,
    VERDICT_FILLS,
    choose_fills,
    plane_values,
    scale_of,
)
from taxicab.errors import InputError, NotFoundError
from tests.support.evidence import (
    EXPOSURES,
    NOISY,
    UNMEASURED,
    VERIFICATION,
    make_result,
)

AMPLIFIERS = {"LATISS": 16, "LSSTComCam": 144, "LSSTCam": 3216}


@pytest.mark.parametrize(("name", "n"), AMPLIFIERS.items())
def test_every_amplifier_is_drawn_once_to_scale(name, n):
    plane = plane_of(name)
    assert len(plane.paths) == len(plane.places) == n
    for detector in CAMERAS[name].detectors:
        areas = []
        for number in plane.boxes[detector.id]:
            found = re.fullmatch(
                r"M(-?\d+) (-?\d+)h(\d+)v(\d+)h-\d+z", plane.paths[number]
            )
            x, y, width, height = (int(one) for one in found.groups())
            areas.append(width * height)
            assert detector.box.x0 * 10 - 1 <= x
            assert x + width <= detector.box.x1 * 10 + 1
            # y points down in the picture, up on the focal plane.
            assert -detector.box.y1 * 10 - 1 <= y
            assert y + height <= -detector.box.y0 * 10 + 1
        box = detector.box
        whole = (box.x1 - box.x0) * (box.y1 - box.y0) * 100
        assert sum(areas) == pytest.approx(whole, rel=0.01)


def test_the_whole_camera_is_small():
    plane = plane_of("LSSTCam")
    page = draw_svg(plane) + json.dumps(plane.amplifiers())
    # With the page around it and a metric's numbers this stays under 400 kB.
    assert len(gzip.compress(page.encode())) < 60_000


def test_numbers_of_amplifiers_can_be_told(report):
    about = plane_of("LSSTComCam").amplifiers()
    detector, name, first, kind = about["detectors"][4]
    assert (detector, name) == (4, "R22_S11")
    number = first + about["kinds"][kind].index("C05")
    assert plane_of("LSSTComCam").places[NOISY] == number


def test_a_raft_has_its_detectors():
    assert raft_detectors("LSSTComCam", "R22") == frozenset(range(9))
    assert len(raft_detectors("LSSTCam", "R22")) == 9


def test_an_unknown_camera_has_no_plane():
    with pytest.raises(NotFoundError, match="not described"):
        plane_of("HSC")


@pytest.fixture
def report(construction, seal):
    return seal(construction, ("bias", EXPOSURES[:3]))


def test_values_margins_and_verdicts_are_where_they_belong(report):
    values = plane_values(report, "bias", level="AMP", test="NOISE", over="worst")
    places = plane_of("LSSTComCam").places
    noisy, nothing = places[NOISY], places[UNMEASURED]
    assert values.margin[noisy] == pytest.approx(0.4, rel=1e-5)
    assert (values.verdict[noisy], values.n_failed[noisy]) == (3, 3)
    assert np.isnan(values.value[nothing])
    assert values.verdict[nothing] == 3  # no number is a failure
    passed = places[(0, "C10")]
    assert values.verdict[passed] == 1
    assert -0.7 < values.margin[passed] < -0.2


def test_median_worst_and_single_exposures_differ(report):
    kinds = {
        over: plane_values(report, "bias", level="AMP", test="NOISE", over=over).value
        for over in ("median", "worst", str(EXPOSURES[1]))
    }
    good = np.isfinite(kinds["worst"])
    assert (kinds["worst"][good] >= kinds["median"][good]).all()
    assert not np.array_equal(kinds["median"][good], kinds[str(EXPOSURES[1])][good])
    with pytest.raises(InputError, match="no exposure '7'"):
        plane_values(report, "bias", level="AMP", test="NOISE", over="7")


def test_all_tests_together_count_failures(report):
    values = plane_values(report, "bias", level="", test="")
    places = plane_of("LSSTComCam").places
    assert values.value[places[NOISY]] == 3  # NOISE on three; the other is advisory
    assert values.value[places[(0, "C10")]] == 0


def test_data_has_no_nan(report):
    values = plane_values(report, "bias", level="AMP", test="NOISE")
    text = json.dumps(values.as_data(), allow_nan=False)
    assert json.loads(text)["value"][plane_of("LSSTComCam").places[UNMEASURED]] is None


def test_colours_span_the_scale(report):
    values = plane_values(report, "bias", level="AMP", test="NOISE")
    low, high = scale_of(values, "value", low=None, high=None)
    finite = values.value[np.isfinite(values.value)]
    assert finite.min() <= low < high <= finite.max()
    assert scale_of(values, "margin", low=None, high=None) == (-1.0, 1.0)
    assert scale_of(values, "value", low=3.0, high=3.0) == (2.5, 3.5)
    places = plane_of("LSSTComCam").places
    fills = choose_fills(values, "margin", (-1.0, 1.0))
    # The limit is the edge: over it another colour than the last within.
    assert fills[places[NOISY]] in MARGIN_COLOURS[len(MARGIN_COLOURS) // 2 :]
    assert fills[places[(0, "C10")]] in MARGIN_COLOURS[: len(MARGIN_COLOURS) // 2]
    assert fills[places[UNMEASURED]] == VERDICT_FILLS[0]
    assert set(choose_fills(values, "value", (low, high))) <= {*COLOURS, "url(#hatch)"}
    assert choose_fills(values, "verdict", (0, 1))[places[NOISY]] == "url(#cross)"


def test_a_whole_detectors_result_colours_all_its_amplifiers(construction, seal):
    (plan,) = plan_stages([], [VERIFICATION.format("Bias", "")])
    rows = [
        make_result(
            level="DET", test="SCATTER", detector=d, amplifier="", value=0.1 * d
        )
        for d in range(9)
    ]
    report = seal(construction, stages=[StageEvidence(plan, rows)])
    values = plane_values(report, "bias", level="DET", test="SCATTER")
    numbers = list(plane_of("LSSTComCam").boxes[3])
    assert len(numbers) == len(camera("LSSTComCam").detector(3).amplifiers)
    np.testing.assert_allclose(values.value[numbers], 0.3, rtol=1e-5)
