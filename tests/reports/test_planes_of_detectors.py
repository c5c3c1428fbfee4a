"""Focal planes of what is judged by whole detectors."""

from reports.domain.planes import AmplifierVerdict
from reports.domain.stages import plan_stages
from reports.plots.figures import FAILED
from reports.services.amplifiers import find_detector_verdicts
from reports.services.drawing import draw_planes
from reports.services.gathering import StageEvidence, notes_for
from tests.support.evidence import GENERATION, make_result

GOOD, BAD = 4, 8
TEST = {"level": "DET", "test": "NO_SIGNIFICANT_DETECTION", "amplifier": ""}
ADVICE = {"level": "AMP", "test": "RESIDUAL_PULLS"}
RESULTS = [
    make_result(detector=GOOD, value=0.0, limit=0.0, **TEST),
    make_result(detector=BAD, value=2.0, limit=0.0, passed=False, **TEST),
    make_result(detector=GOOD, value=9.0, limit=5.0, passed=False, **ADVICE),
]


def test_detectors_are_judged_by_the_tests_of_whole_detectors():
    found = find_detector_verdicts(RESULTS, notes=notes_for("crosstalk"))
    assert found == {GOOD: AmplifierVerdict.PASSED, BAD: AmplifierVerdict.ALL}


def test_a_verdict_of_detectors_colours_their_amplifiers(tmp_path):
    (plan,) = plan_stages([GENERATION.format("crosstalk", "")], [])
    stage = StageEvidence(plan, results=RESULTS)
    verdicts = draw_planes(stage, "LSSTComCam", tmp_path)[0]
    drawn = "".join(file.read_text() for file in tmp_path.rglob("*verdict*.svg"))
    assert verdicts["caption"] == "All tests that decide, over all exposures."
    assert "crosstalk: verdict of each detector" in drawn
    # The bad detector's sixteen amplifiers, and the legend.
    assert drawn.count("✕") == 16 + 1
    assert FAILED in drawn
