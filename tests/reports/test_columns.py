import numpy as np
import pytest

from reports.domain.verdicts import find_worst
from reports.services.amplifiers import find_amplifier_verdicts, median_values
from reports.services.columns import Results, Words
from reports.services.folding import find_failing_amplifiers, fold_results
from reports.services.gathering import notes_for
from tests.support.evidence import EXPOSURES, make_result, make_results


def test_results_come_back_from_their_columns_in_order():
    rows = [
        make_result(),
        make_result(test="MEAN", value=None, unit=""),
        make_result(detector=-1, amplifier="", level="EXP", passed=False, limit=None),
    ]
    results = Results.of(rows)
    assert list(results) == rows
    assert results[1] == rows[1]
    assert results[-1] == rows[-1]
    assert list(results[1:]) == rows[1:]
    assert list(results.failed) == rows[2:]
    with pytest.raises(IndexError):
        results[3]


def test_no_results_have_columns_too():
    nothing = Results.of([])
    assert not list(nothing)
    assert not nothing.by_test
    assert not len(Results.join([]))
    assert not len(nothing.failed)
    assert not nothing.words["test"].used


def test_tables_below_one_another_keep_their_words():
    first, second = [make_result(unit="adu")], [make_result(unit=""), make_result()]
    joined = Results.join([Results.of(first), Results.of(second)])
    assert list(joined) == first + second
    words = Words.join([Words(np.array([1, 0]), ("a", "")), Words.of(["b", "a"])])
    assert words.tolist() == ["", "a", "b", "a"]
    assert words.used == {"", "a", "b"}


def test_tests_are_told_apart_whether_their_rows_mix_or_not():
    rows = [
        make_result(test=test, level=level, detector=detector)
        for detector in range(3)
        for level, test in (("DET", "NOISE"), ("AMP", "NOISE"), ("AMP", "MEAN"))
    ]
    for order in (rows, sorted(rows, key=lambda r: (r.level, r.test))):
        groups = Results.of(order).by_test
        assert list(groups) == list(dict.fromkeys((r.level, r.test) for r in order))
        for key, group in groups.items():
            assert list(group) == [r for r in order if (r.level, r.test) == key]


@pytest.mark.parametrize("calib_type", ["bias", "flat"])
def test_columns_say_what_rows_say(calib_type):
    rows, notes = make_results(calib_type), notes_for(calib_type)
    for line in fold_results(rows, notes=notes):
        own = [r for r in rows if (r.level, r.test) == (line.level, line.test)]
        assert line.worst == find_worst(own)
        assert line.n_results == len(own)
        assert line.n_failed == sum(not r.passed for r in own)
        assert line.n_unmeasured == sum(not r.is_measured for r in own)
    for found in find_failing_amplifiers(rows, notes=notes):
        here = [r for r in rows if r[1:3] == (found.detector, found.amplifier)]
        for test in found.tests:
            own = [r for r in here if r.test == test.test]
            assert test.n_exposures == len(own)
            assert test.n_failed == sum(not r.passed for r in own)
            assert test.worst == find_worst([r for r in own if not r.passed])
    verdicts = find_amplifier_verdicts(rows, notes=notes)
    assert set(verdicts) == {(r.detector, r.amplifier) for r in rows}


def test_of_results_that_tie_the_first_exposure_is_the_worst():
    rows = [
        make_result(exposure=e, detector=d, amplifier=a, value=0.0, limit=0.0)
        for e in EXPOSURES[:3]
        for d in (2, 1)
        for a in ("C10", "C11")
    ]
    (line,) = fold_results(rows, notes={})
    assert line.worst == find_worst(rows)
    assert line.worst[:3] == (EXPOSURES[0], 1, "C11")


def test_median_of_an_even_number_is_between_the_two_in_the_middle():
    rows = [make_result(exposure=i + 1, value=v) for i, v in enumerate([4, 1, 2, 9])]
    assert median_values(rows) == {(0, "C10"): 3.0}
