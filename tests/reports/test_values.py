"""Results as arrays: every number comes back where it belongs."""

import numpy as np
import pytest

from reports.services.values import (
    FAILED,
    PASSED,
    UNMEASURED,
    read_index,
    read_values,
)
from taxicab.errors import NotFoundError
from tests.support.evidence import (
    EXPOSURES,
    NOISY,
    make_results,
)
from tests.support.evidence import (
    UNMEASURED as NO_NUMBER,
)


@pytest.fixture
def report(construction, seal):
    return seal(construction, ("bias", EXPOSURES[:3]))


def test_every_result_comes_back(report):
    values = read_values(report, "bias", "AMP", "NOISE")
    assert values.exposures == EXPOSURES[:3]
    assert len(values.places) == 9 * 16
    expected = make_results("bias", exposures=EXPOSURES[:3])
    for result in (r for r in expected if r.test == "NOISE"):
        row = values.exposures.index(result.exposure)
        column = values.places.index((result.detector, result.amplifier))
        if result.value is None:
            assert values.state[row, column] == UNMEASURED
            assert np.isnan(values.value[row, column])
        else:
            assert values.value[row, column] == pytest.approx(result.value)
            assert values.limit[row, column] == pytest.approx(result.limit)
            assert values.state[row, column] == (PASSED if result.passed else FAILED)


def test_margins_are_in_units_of_the_limit(report):
    values = read_values(report, "bias", "AMP", "NOISE")
    noisy = values.only(detectors={NOISY[0]}, amplifier=NOISY[1])
    assert noisy.places == (NOISY,)
    # Planted: 1.4 limits on every exposure.
    np.testing.assert_allclose(noisy.margin, 0.4, rtol=1e-5)
    assert noisy.has_failed.all()
    value, limit = noisy.worst()
    assert value == pytest.approx(1.4 * limit)


def test_no_number_has_no_worst(report):
    values = read_values(report, "bias", "AMP", "NOISE")
    nothing = values.only(detectors={NO_NUMBER[0]}, amplifier=NO_NUMBER[1])
    assert nothing.worst() == (None, None)
    assert nothing.has_failed.all()


def test_one_exposure_can_be_taken(report):
    values = read_values(report, "bias", "AMP", "NOISE")
    assert values.only(exposure=EXPOSURES[1]).value.shape == (1, 144)
    assert values.only(exposure=1).value.shape == (0, 144)


def test_where_the_limit_is_zero_there_is_no_margin(report):
    values = read_values(report, "bias", "AMP", "PROCESSING")
    assert np.isnan(values.margin).all()


def test_detectors_are_counted(report):
    counts = {row[0]: row[1:] for row in read_index(report, "bias").detectors}
    n_tests = len(read_index(report, "bias").tests)
    assert sum(counts[0]) == 16 * 3 * n_tests
    assert counts[0][1:] == (0, 0, 0)
    # NOISY fails NOISE, and READ_NOISE_CONSISTENT, which decides nothing.
    assert counts[NOISY[0]][1:] == (3, 3, 0)
    # Nothing of one amplifier has a number: it is counted once, as that.
    assert counts[NO_NUMBER[0]][1:] == (0, 0, 3 * n_tests)


def test_what_is_not_there_is_said(report):
    with pytest.raises(NotFoundError, match="no result of AMP NOTHING"):
        read_values(report, "bias", "AMP", "NOTHING")
    with pytest.raises(NotFoundError, match="parts/flat"):
        read_index(report, "flat")
