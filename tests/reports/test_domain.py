import pytest

from calibrations.domain.names import BadNameError
from reports.domain.clusters import ClusterKind, find_clusters
from reports.domain.planes import AmplifierVerdict
from reports.domain.results import TestNote, show_margin, show_number
from reports.domain.stages import plan_stages
from reports.domain.verdicts import (
    Verdict,
    count_results,
)
from reports.services.amplifiers import (
    find_amplifier_verdicts,
    median_values,
    worst_margins,
)
from reports.services.folding import find_failing_amplifiers, fold_results
from reports.services.gathering import notes_for
from taxicab.errors import InputError
from tests.support.evidence import (
    BORDERLINE,
    EXPOSURES,
    NOISY,
    SATURATED,
    UNMEASURED,
    make_result,
    make_results,
)

NAMES = {4: "R22_S11", 8: "R22_S22"}
FOLDER = "LSSTComCam/calib/DM-1/tag"


# --- Numbers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "limit", "margin", "text"),
    [
        (0.06, 0.05, 0.2, "20 % over"),
        (0.05, 0.05, 0.0, "0 % within"),
        (0.04, 0.05, -0.2, "20 % within"),
        (0.0505, 0.05, 0.01, "1 % over"),
        (-0.05, 0.05, -2.0, "200 % within"),
        (1.05, 0.05, 20.0, "20 limits over"),
        (1.0, 0.0, None, ""),
        (None, 0.05, None, ""),
        (float("nan"), 0.05, None, ""),
        (0.1, None, None, ""),
    ],
)
def test_margin_is_in_units_of_the_limit(value, limit, margin, text):
    result = make_result(value=value, limit=limit)
    assert result.margin == (None if margin is None else pytest.approx(margin))
    assert show_margin(result.margin) == text


def test_numbers_are_shown_with_units():
    assert show_number(8.98123, "electron") == "8.981 e⁻"
    assert show_number(-0.5) == "−0.5"
    assert show_number(1.0, "1") == "1"
    assert show_number(0.0584, "percent") == "0.0584 %"
    assert show_number(None, "electron") == "–"
    assert show_number(float("nan")) == "–"


# --- Verdicts ---------------------------------------------------------------------


def test_every_criterion_has_a_line_even_without_results():
    lines = fold_results([], notes=notes_for("flat"))
    assert {(line.level, line.test) for line in lines} == notes_for("flat").keys()
    assert {line.verdict for line in lines} == {Verdict.MISSING}


def test_lines_count_and_name_the_worst():
    results = make_results("bias")
    lines = {line.test: line for line in fold_results(results, notes=notes_for("bias"))}
    n = len(EXPOSURES)
    noise = lines["NOISE"]
    # The noisy amplifier on all exposures, the borderline one on two, one unmeasured.
    assert (noise.n_results, noise.n_failed, noise.n_unmeasured) == (
        144 * n,
        2 * n + 2,
        n,
    )
    assert (noise.worst.detector, noise.worst.amplifier) == NOISY
    assert noise.worst.margin == pytest.approx(0.4)
    assert noise.verdict is Verdict.FAILED
    assert noise.note.dmtn101 == "4.3"
    assert (lines["MEAN"].n_failed, lines["MEAN"].n_unmeasured) == (n, n)


def test_advisory_tests_only_warn():
    results = [r for r in make_results("bias") if r.test == "READ_NOISE_CONSISTENT"]
    notes = {k: n for k, n in notes_for("bias").items() if n.is_advisory}
    (line,) = fold_results(results, notes=notes)
    assert line.verdict is Verdict.WARNING
    counts = count_results([line])
    assert (counts.failed, counts.warnings) == (0, len(EXPOSURES))
    assert counts.unmeasured == len(EXPOSURES)
    # Each result is counted once.
    assert counts.results == (
        counts.passed + counts.failed + counts.warnings + counts.unmeasured
    )


def test_what_failed_comes_first_and_the_worst_of_it():
    results = [
        make_result(test="A"),
        make_result(test="B", value=2.0, passed=False),
        make_result(test="C", value=3.0, passed=False),
    ]
    assert [line.test for line in fold_results(results, notes={})] == ["C", "B", "A"]


def test_another_sites_test_describes_itself():
    (line,) = fold_results([make_result(test="THEIRS", dmtn101="9.9")], notes={})
    assert (line.note.statistic, line.note.dmtn101) == ("NOISE", "9.9")
    assert line.verdict is Verdict.PASSED


def test_limits_that_differ_are_a_range():
    results = [make_result(limit=limit) for limit in (3.0, 1.0, 2.0)]
    (line,) = fold_results(results, notes={})
    assert (line.limit_low, line.limit_high) == (1.0, 3.0)


def test_failing_amplifiers_are_found_worst_first():
    found = find_failing_amplifiers(make_results("bias"), notes=notes_for("bias"))
    places = [(one.detector, one.amplifier) for one in found]
    assert places == [UNMEASURED, NOISY, BORDERLINE]
    (test,) = found[-1].tests
    assert (test.test, test.n_failed, test.n_exposures) == ("NOISE", 2, len(EXPOSURES))
    assert all(one.is_failed for one in found)


def test_an_amplifier_that_only_warns_did_not_fail():
    notes = {("AMP", "HINT"): TestNote("", "", "<", "", "", "", is_advisory=True)}
    failed = make_result(test="HINT", value=2.0, passed=False)
    (found,) = find_failing_amplifiers([failed], notes=notes)
    assert not found.is_failed


# --- Clusters ---------------------------------------------------------------------


def test_failures_are_folded_by_their_likely_cause():
    results = [r for r in make_results("flat") if r.test == "NOISE"]
    clusters = {c.sentence: c for c in find_clusters(results, detector_names=NAMES)}
    n = len(EXPOSURES) - 1  # the saturated one is apart
    assert clusters.keys() == {
        f"Exposure {SATURATED}: 143 of 143 amplifiers",
        f"R22_S11 C05: {n} of {n} exposures",
        f"R22_S22 C17: 2 of {n} exposures",
        # What has no number has none on the saturated exposure either.
        f"Detector 2 C00: {len(EXPOSURES)} of {len(EXPOSURES)} exposures",
    }
    assert sum(c.n_failed for c in clusters.values()) == sum(
        not r.passed for r in results
    )


ALL_NAMES = {d: f"R22_S{d // 3}{d % 3}" for d in range(9)}


def make_unmeasured(is_gone):
    """Two tests of four amplifiers and one of each detector on three exposures."""
    rows = [
        make_result(detector=d, amplifier=f"C{a:02d}", exposure=e, test=test)
        for d in range(3)
        for a in range(4)
        for e in (1, 2, 3)
        for test in ("MEAN", "NOISE")
    ]
    rows += [
        make_result(detector=d, amplifier="", exposure=e, level="DET", test="SCATTER")
        for d in range(3)
        for e in (1, 2, 3)
    ]
    return [
        row._replace(value=None, passed=False) if is_gone(row) else row for row in rows
    ]


@pytest.mark.parametrize(
    ("is_gone", "sentence", "n_failed", "tests", "scope"),
    [
        (
            lambda r: r.exposure == 2,
            "Exposure 2: 12 of 12 amplifiers",
            27,
            ("AMP MEAN", "AMP NOISE", "DET SCATTER"),
            (2, -1, ""),
        ),
        (
            lambda r: (r.detector, r.amplifier) == (1, "C02"),
            "R22_S01 C02: 3 of 3 exposures",
            6,
            ("AMP MEAN", "AMP NOISE"),
            (0, 1, "C02"),
        ),
        (
            lambda r: r.detector == 1 and r.test != "MEAN",
            "R22_S01: 4 amplifiers, 3 of 3 exposures",
            15,
            ("AMP NOISE", "DET SCATTER"),
            (0, 1, ""),
        ),
        (
            lambda r: r.level == "DET" and r.exposure == 3,
            "R22_S0{}: 1 of 3 exposures",
            1,
            ("DET SCATTER",),
            (0, None, ""),
        ),
        (
            lambda r: r.exposure != 1,
            "Everywhere: 3 detectors, 2 of 3 exposures",
            54,
            ("AMP MEAN", "AMP NOISE", "DET SCATTER"),
            (0, -1, ""),
        ),
    ],
)
def test_what_has_no_number_is_folded_once_a_cause(
    is_gone, sentence, n_failed, tests, scope
):
    clusters = find_clusters(make_unmeasured(is_gone), detector_names=ALL_NAMES)
    exposure, detector, amplifier = scope
    expected = [detector] if detector is not None else [0, 1, 2]
    assert [c.detector for c in clusters] == expected
    for cluster in clusters:
        assert cluster.kind is ClusterKind.UNMEASURED
        assert cluster.sentence == sentence.format(cluster.detector)
        assert (cluster.n_failed, cluster.tests) == (n_failed, tests)
        assert (cluster.exposure, cluster.amplifier) == (exposure, amplifier)
        assert cluster.n_results >= cluster.n_failed


def test_what_is_known_to_be_bad_comes_before_what_is_not_known():
    """A value 455 % over its limit is looked at before an exposure without numbers."""
    rows = make_unmeasured(lambda r: r.exposure == 2)
    place = {"detector": 2, "amplifier": "C00", "exposure": 1, "test": "NOISE"}
    rows = [
        row._replace(value=5.55, passed=False)
        if all(getattr(row, name) == value for name, value in place.items())
        else row
        for row in rows
    ]
    first, second = find_clusters(rows, detector_names=ALL_NAMES)
    assert first.sentence == "R22_S02 C00: 1 of 2 exposures"
    assert first.worst.margin == pytest.approx(4.55)
    assert second.kind is ClusterKind.UNMEASURED
    # What is beyond a limit of 0 has no margin: its value stands for one.
    rows = [make_result(value=9.0, limit=0.0, passed=False, test="COUNT"), *rows]
    assert find_clusters(rows, detector_names=NAMES)[0].test == "COUNT"


def test_every_failure_is_in_one_cluster():
    for calib_type in ("bias", "flat"):
        results = make_results(calib_type)
        clusters = find_clusters(results, detector_names=NAMES)
        assert sum(c.n_failed for c in clusters) == sum(not r.passed for r in results)
        (gone,) = [c for c in clusters if c.kind is ClusterKind.UNMEASURED]
        n_tests = len({(r.level, r.test) for r in results if r.level == "AMP"})
        assert len(gone.tests) == n_tests
        assert gone.n_failed == n_tests * len(EXPOSURES) == gone.n_results


def test_a_detector_is_a_cause():
    results = [
        make_result(
            detector=detector,
            amplifier=f"C1{amplifier}",
            exposure=exposure,
            passed=not (detector == 4 and amplifier < 5),
            value=2.0 if detector == 4 and amplifier < 5 else 0.5,
        )
        for detector in range(9)
        for amplifier in range(8)
        for exposure in (1, 2)
    ]
    (cluster,) = find_clusters(results, detector_names=NAMES)
    assert cluster.sentence == "R22_S11: 5 amplifiers, 2 of 2 exposures"
    assert (cluster.n_failed, cluster.n_results) == (10, 16)


@pytest.mark.parametrize(
    ("level", "place", "sentence"),
    [
        ("DET", {"detector": 4, "amplifier": ""}, "R22_S11: 1 of 2 exposures"),
        (
            "EXP",
            {"detector": -1, "amplifier": ""},
            "Exposure 1, all detectors together",
        ),
        ("AMP", {"detector": 4, "amplifier": "C05"}, "R22_S11 C05: 1 of 2 exposures"),
    ],
)
def test_single_failures_name_their_place(level, place, sentence):
    results = [
        make_result(level=level, exposure=1, value=2.0, passed=False, **place),
        make_result(level=level, exposure=2, **place),
    ]
    (cluster,) = find_clusters(results, detector_names=NAMES)
    assert cluster.sentence == sentence


def test_nothing_failed_is_no_cluster():
    assert find_clusters([make_result()], detector_names=NAMES) == []


# --- Focal plane ------------------------------------------------------------------


def test_amplifiers_are_judged_over_all_exposures():
    verdicts = find_amplifier_verdicts(make_results("bias"), notes=notes_for("bias"))
    assert len(verdicts) == 144
    assert verdicts[NOISY] is AmplifierVerdict.ALL
    assert verdicts[BORDERLINE] is AmplifierVerdict.SOME
    assert verdicts[UNMEASURED] is AmplifierVerdict.ALL
    assert sum(v is AmplifierVerdict.PASSED for v in verdicts.values()) == 141


def test_medians_leave_out_what_is_not_measured():
    results = [make_result(value=value) for value in (1.0, 9.0, 2.0, None)]
    assert median_values(results) == {(0, "C10"): 2.0}
    assert median_values([make_result(value=None)]) == {}


def test_the_worst_exposure_is_not_hidden_by_the_others():
    results = [make_result(value=v, limit=2.0) for v in (1.0, 5.0, 1.5, None)]
    assert worst_margins(results) == {(0, "C10"): 1.5}
    assert worst_margins([make_result(value=1.0, limit=0.0)]) == {}


# --- Stages -----------------------------------------------------------------------


def test_verifications_go_with_their_generations():
    plans = plan_stages(
        [f"{FOLDER}/flatGen-r.20261109a", f"{FOLDER}/biasGen.20261109b"],
        [f"{FOLDER}/verifyBias.20261110a", f"{FOLDER}/verifyFlat-r.20261109a"],
    )
    assert [(p.key, p.generation, p.missing) for p in plans] == [
        ("bias", f"{FOLDER}/biasGen.20261109b", ""),
        ("flat-r", f"{FOLDER}/flatGen-r.20261109a", ""),
    ]
    assert plans[1].tests_datasets == ("verifyFlatTests",)


def test_what_is_absent_is_said():
    plans = plan_stages(
        [f"{FOLDER}/darkGen.20261109a"], [f"{FOLDER}/verifyBias.20261109a"]
    )
    assert [p.missing.partition(" ")[0] for p in plans] == [
        f"{FOLDER}/verifyBias.20261109a",
        f"{FOLDER}/darkGen.20261109a",
    ]
    assert "was not verified" in plans[1].missing


def test_several_of_one_type_have_files_of_their_own():
    first, second = (f"{FOLDER}/biasGen.20261109{letter}" for letter in "ab")
    tests = [f"{FOLDER}/verifyBias.20261109{letter}" for letter in "ab"]
    verified = dict(zip(tests, (second, first), strict=True))
    plans = plan_stages([first, second], tests, verified=verified)
    assert {(p.verification, p.generation) for p in plans} == set(verified.items())
    assert len({p.key for p in plans}) == 2


def test_other_collections_are_refused():
    with pytest.raises(InputError, match="certified collection"):
        plan_stages([f"{FOLDER}/bias.20261109a"], [])
    with pytest.raises(BadNameError):
        plan_stages([], ["u/nora/verify"])
