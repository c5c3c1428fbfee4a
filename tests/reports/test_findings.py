"""What the verdict page's rows say, alone and against the reports before."""

import pytest

from reports.domain.charts import Point, lay_out_trend, nice_ticks
from reports.domain.clusters import ClusterKind, find_clusters
from reports.services.counting import RollUp, count_stage, roll_up, tally
from reports.services.findings import (
    cluster_key,
    find_findings,
    trend_over_exposures,
    trend_over_reports,
    worst_place,
)
from reports.services.history import (
    before,
    earlier_reports,
    find_baseline,
    values_at_worst,
)
from tests.support import board as make
from tests.support.evidence import EXPOSURES, NOISY, make_result

NAMES = {d: f"R22_S{d // 3}{d % 3}" for d in range(9)}


@pytest.fixture
def report(construction, seal):
    return seal(construction, ("bias", EXPOSURES[:3]))


def by_place(findings, test="NOISE"):
    return {
        one.cluster["sentence"].split(":")[0]: one
        for one in findings
        if one.cluster["test"] == test
    }


def test_what_decides_comes_first_and_the_worst_of_it(report):
    findings = find_findings(report, limit=None)
    margins = [
        one.cluster["worst"]["margin"]
        for one in findings
        if not one.cluster["is_advisory"]
    ]
    numbers = [m for m in margins if m is not None]
    assert numbers == sorted(numbers, reverse=True)
    # The amplifier that is dead is one row, for all its tests, after what is known.
    assert margins == [*numbers, None]
    gone = findings[len(numbers)]
    assert (gone.state, gone.cluster["kind"]) == ("missing", "unmeasured")
    assert gone.cluster["title"] == f"{len(gone.cluster['tests'])} tests"
    advisory = [one.cluster["is_advisory"] for one in findings]
    assert advisory == sorted(advisory)
    assert len(find_findings(report, limit=2)) == 2


def test_a_first_report_has_nothing_to_compare_with(report):
    assert find_baseline(report) is None
    assert {one.before.word for one in find_findings(report)} == {"new"}


def test_a_row_knows_what_it_was_before(report, construction, seal):
    # The second report looks at other exposures: NOISY failed before as well, the
    # borderline amplifier is over its limit only on the first two.
    second = seal(construction, ("bias", EXPOSURES[1:5]))
    assert find_baseline(second) == report
    rows = by_place(find_findings(second, limit=None))
    noisy = rows["R22_S11 C05"]
    assert noisy.before.word == "failed"
    assert noisy.before.text == "40 % over in DM-100 report 1, 3 of 3"
    assert noisy.query == "raft=R22&detector=4&amplifier=C05"


def test_adopted_sets_of_the_camera_are_compared_with(report, scientist, seal):
    other = make.make_set(
        "DM-101", owner=scientist, instrument=report.ticket.instrument
    )
    second = seal(other, ("bias", EXPOSURES[1:5]))
    assert earlier_reports(second) == []
    report.ticket.stage = "reviewed"
    report.ticket.save()
    assert find_baseline(second) == report


def test_what_is_answered_for_comes_after_what_is_not(report):
    first, second = find_findings(report, limit=2)
    key = cluster_key(first.key, first.cluster)
    moved = find_findings(report, limit=None, settled={key})
    assert moved[0].cluster == second.cluster
    decisive = [one for one in moved if not one.cluster["is_advisory"]]
    assert decisive[-1].cluster == first.cluster


def test_a_row_without_numbers_knows_whether_there_were_any(report, construction, seal):
    second = seal(construction, ("bias", EXPOSURES[1:5]))
    (row,) = [r for r in find_findings(second, limit=None) if not r.is_measured]
    assert row.before.word == "failed"
    assert row.before.text == "not measured in DM-100 report 1, 3 of 3"
    place = {**row.cluster, "detector": 3}
    assert before(place, "bias", report).text == "measured in DM-100 report 1"


def test_each_result_is_counted_once(report):
    counted = tally(report)
    assert counted.results == (
        counted.passed + counted.failed + counted.warnings + counted.unmeasured
    )
    assert counted.unmeasured > 0
    waived = tally(report, waived=counted.failed, waived_unmeasured=1)
    assert (waived.failed, waived.unmeasured) == (0, counted.unmeasured - 1)
    assert waived.waived == counted.failed + 1
    # Reports of format 1 counted what has no number among the failures as well.
    stage = report.summary["stages"][0]
    new = count_stage(stage)
    gone = {True: 0, False: 0}
    for line in stage["lines"]:
        gone[line["is_advisory"]] += line["n_unmeasured"]
    stage["counts"]["failed"] += gone[False]
    stage["counts"]["warnings"] += gone[True]
    assert count_stage(stage) == new
    assert sum(gone.values()) == new.unmeasured
    # A row that was waived there may have both: nothing is counted below none.
    both = tally(report, waived=counted.failed + 1)
    assert (both.failed, both.unmeasured) == (0, counted.unmeasured - 1)
    both = tally(report, waived_unmeasured=counted.unmeasured + 1)
    assert (both.failed, both.unmeasured) == (counted.failed - 1, 0)


def test_values_are_given_where_a_cluster_is_worst(report):
    (noisy,) = [
        one.cluster
        for one in find_findings(report, limit=None)
        if one.cluster["sentence"].startswith("R22_S11 C05")
        and one.cluster["test"] == "NOISE"
    ]
    values = values_at_worst(noisy, "bias", report)
    assert values == pytest.approx([noisy["worst"]["value"]] * 3)
    assert values_at_worst({**noisy, "exposure": EXPOSURES[0]}, "bias", report) == (
        values
    )
    assert values_at_worst({**noisy, "test": "NONE"}, "bias", report) == []


def test_results_add_up(report):
    sums = roll_up(report)
    (bias,) = sums["types"]
    assert (bias.name, bias.state) == ("bias", "failed")
    (raft,) = sums["rafts"]
    assert raft.name == "R22"
    assert raft.n_failed == sum(row.n_failed for row in sums["detectors"])
    assert sums["detectors"][0].n_failed >= sums["detectors"][-1].n_failed
    assert len(sums["detectors"]) == 9
    for name in ("n_passed", "n_failed", "n_advisory", "n_unmeasured"):
        assert getattr(raft, name) == getattr(bias, name)
    assert bias.n_unmeasured > 0


def test_trends_draw_the_limit_and_what_failed(report, construction, seal):
    place = {"level": "AMP", "test": "NOISE", "detector": NOISY[0]}
    place["amplifier"] = NOISY[1]
    chart = trend_over_exposures(report, "bias", place)
    assert [mark.has_failed for mark in chart.marks] == [True] * 3
    # SVG's y points down: beyond the limit is above it.
    limit_y = float(chart.limit.split(" ")[0].split(",")[1])
    assert all(mark.y < limit_y for mark in chart.marks)
    assert trend_over_reports(report, "bias", place) is None
    second = seal(construction, ("bias", EXPOSURES[1:5]))
    assert len(trend_over_reports(second, "bias", place).marks) == 2


def test_figures_begin_with_the_worst_amplifier(report):
    assert worst_place(report, "bias") in {(2, "C00"), NOISY}


def test_a_chart_without_a_number_is_none():
    points = [Point("1", None, 1.0, True)]
    assert lay_out_trend(points, y_label="x", unit="", x_label="e") is None


def test_what_has_no_number_is_marked_apart():
    points = [Point("1", 2.0, 1.0, True), Point("2", None, 1.0, True)]
    chart = lay_out_trend(points, y_label="NOISE", unit="e⁻", x_label="exposure")
    assert len(chart.marks) == len(chart.unmeasured) == 1
    assert chart.sentence == "NOISE: 2 to 2 e⁻; 2 of 2 failed."


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (9.1, 9.4, [9.1, 9.2, 9.3, 9.4]), (1, 1, [1])],
)
def test_ticks_are_round(low, high, expected):
    assert nice_ticks(low, high) == pytest.approx(expected)


def make_grid(failed, *, detectors=range(9), exposures=(1, 2, 3, 4)):
    return [
        make_result(
            detector=d,
            amplifier=f"C{a:02d}",
            exposure=e,
            value=2.0 if failed(d, e) else 0.5,
            passed=not failed(d, e),
        )
        for d in detectors
        for a in range(4)
        for e in exposures
    ]


def test_a_test_that_fails_everywhere_is_one_cluster():
    (cluster,) = find_clusters(make_grid(lambda d, e: True), detector_names=NAMES)
    assert cluster.kind is ClusterKind.CAMERA
    assert cluster.sentence == "Everywhere: 9 detectors, 4 of 4 exposures"
    assert (cluster.exposure, cluster.detector) == (0, -1)


def test_a_raft_is_a_cause():
    names = {d: f"R{d // 3:02d}_S{d % 3:02d}" for d in range(9)}
    results = make_grid(lambda d, e: d // 3 == 1)
    (cluster,) = find_clusters(results, detector_names=names)
    assert (cluster.kind, cluster.raft) == (ClusterKind.RAFT, "R01")
    assert cluster.sentence == "Raft R01: 3 detectors, 4 of 4 exposures"
    assert cluster.n_failed == 3 * 4 * 4


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({"n_passed": 0}, "no tests"),
        ({"n_passed": 9}, "passed"),
        ({"n_passed": 9, "n_advisory": 1}, "warning"),
        ({"n_passed": 0, "missing": "not verified"}, "missing"),
        ({"n_passed": 9, "n_failed": 1, "n_unmeasured": 1}, "failed"),
    ],
)
def test_nothing_that_was_not_tested_passed(counts, state):
    none = {"n_failed": 0, "n_advisory": 0}
    assert RollUp("dark_for_defects", **none | counts).state == state
