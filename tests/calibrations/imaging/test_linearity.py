import numpy as np
import pytest
from scipy.interpolate import Akima1DInterpolator

from calibrations.imaging.errors import ImageError
from calibrations.imaging.linearity import (
    LinearityType,
    Linearizer,
    join_double_spline,
    linearizer_table,
    linearizers_from_table,
)

NODES = np.linspace(0.0, 60000.0, 7)
VALUES = np.array([0.0, 40.0, 70.0, 20.0, -30.0, -80.0, -150.0])


def make(kind, coeffs=(), **more):
    return Linearizer("C00", LinearityType(kind), np.asarray(coeffs, float), **more)


@pytest.fixture
def image():
    return np.random.default_rng(1).uniform(0, 55000, (40, 30)).astype(np.float32)


@pytest.mark.parametrize("kind", ["None", "Proportional"])
def test_identity_kinds_leave_counts_alone(image, kind):
    corrected = make(kind).linearize(image)
    assert np.array_equal(corrected, image)
    assert corrected is not image


def test_squared_and_polynomial_are_their_closed_forms(image):
    # float32 holds 7 digits: 55000 adu to 0.004.
    exact = image.astype(float)
    squared = make("Squared", [2e-7]).linearize(image)
    assert np.allclose(squared, exact + 2e-7 * exact**2, atol=0.01)
    cubic = make("Polynomial", [2e-7, -1e-12]).linearize(image)
    assert np.allclose(cubic, exact + 2e-7 * exact**2 - 1e-12 * exact**3, atol=0.01)
    # An uncorrected image would be off by hundreds of counts.
    assert np.abs(squared - image).max() > 500


def test_table_is_entered_at_the_nearest_count_and_clipped(image):
    table = np.arange(100.0)
    corrected = make("LookupTable", table=table).linearize(
        np.array([-5.0, 0.4, 0.6, 50.0, 99.4, 500.0])
    )
    assert corrected.tolist() == pytest.approx([-5, 0.4, 1.6, 100, 198.4, 599])


def test_spline_is_akimas_and_keeps_its_end_value(image):
    spline = make("Spline", np.concatenate([NODES, VALUES]))
    exact = image - Akima1DInterpolator(NODES, VALUES)(image.astype(float))
    assert np.allclose(spline.linearize(image), exact, atol=0.01)
    # Beyond the last node, and below 0, nothing is extrapolated.
    ends = spline.linearize(np.array([70000.0, 80000.0, -50.0]))
    assert ends.tolist() == [70150, 80150, -50]


def test_spline_that_misses_the_origin_is_anchored_there():
    nodes, values = NODES[1:], VALUES[1:] + 1000.0
    corrected = make("Spline", np.concatenate([nodes, values])).linearize(
        np.array([0.0, nodes[0]])
    )
    assert corrected.tolist() == pytest.approx([0.0, nodes[0]])


def test_double_spline_applies_one_after_the_other(image):
    both = join_double_spline((NODES, VALUES), (NODES, -2 * VALUES))
    once = make("Spline", np.concatenate([NODES, VALUES])).linearize(image)
    twice = make("Spline", np.concatenate([NODES, -2 * VALUES])).linearize(once)
    assert np.allclose(make("DoubleSpline", both).linearize(image), twice, atol=0.01)
    only_absolute = join_double_spline(None, (NODES, VALUES))
    assert np.array_equal(make("DoubleSpline", only_absolute).linearize(image), once)


def test_parts_of_a_segment_give_the_same_numbers(image):
    spline = make("Spline", np.concatenate([NODES, VALUES]))
    assert np.array_equal(
        spline.linearize(image)[3:9, ::2], spline.linearize(image[3:9, ::2])
    )


def test_what_is_not_a_number_stays_so_and_spoils_nothing_else(image):
    image[4, 5] = np.nan
    for one in (
        make("Squared", [1e-7]),
        make("Spline", np.concatenate([NODES, VALUES])),
        make("LookupTable", table=np.ones(70000)),
    ):
        corrected = one.linearize(image)
        assert np.isnan(corrected[4, 5])
        assert np.isfinite(corrected).sum() == image.size - 1


def test_invalid_linearizer_gives_no_counts(image):
    one = make("Squared", valid=False, reason="dead")
    assert np.isnan(one.linearize(image)).all()


@pytest.mark.parametrize(
    ("kind", "coeffs", "said"),
    [
        ("Squared", [1e-7, 2e-7], "needs 1 coefficient"),
        ("Squared", [np.nan], "not numbers"),
        ("Spline", [0, 1, 2, 3, 4], "equally many"),
        ("Spline", [0, 1, 0, 0], "at least 3"),
        ("Spline", [0, 2, 1, 0, 0, 0], "do not ascend"),
        ("LookupTable", [], "empty table"),
        ("DoubleSpline", [3, 0, 0, 1], "coefficients"),
        ("DoubleSpline", [], "begins with"),
    ],
)
def test_what_cannot_be_applied_is_refused(kind, coeffs, said):
    with pytest.raises(ImageError, match=said):
        make(kind, coeffs)


def test_table_keeps_everything():
    # Three amplifiers of different kinds: vectors of different lengths are padded.
    originals = [
        make(
            "Spline",
            np.concatenate([NODES, VALUES]),
            turnoff_adu=9e4,
            exposures=np.array([2026111600001, 2026111600003]),
            signals_adu=np.array([10.0, 20.0]),
            abscissae=np.array([1.0, np.nan]),
            residuals=np.array([np.nan, 1e-4]),
            used=np.array([True, False]),
            fit_chi_squared=1.2,
        ),
        Linearizer("C01", LinearityType.LOOKUP_TABLE, table=np.arange(5.0)),
        Linearizer("C02", LinearityType.SQUARED, valid=False, reason="dead"),
    ]
    table = linearizer_table(originals, {"GAIN_SOURCE": "camera"})
    assert table.meta["GAIN_SOURCE"] == "camera"
    assert table["TABLE"].unit == "adu"
    read = Linearizer.from_table(table)
    assert list(read) == ["C00", "C01", "C02"]
    for one in originals:
        back = read[one.amplifier]
        for name in ("coeffs", "table", "exposures", "signals_adu", "used"):
            assert np.array_equal(getattr(back, name), getattr(one, name)), name
        assert np.array_equal(back.residuals, one.residuals, equal_nan=True)
        assert (back.type, back.valid, back.reason) == (
            one.type,
            one.valid,
            one.reason,
        )
    assert read["C00"].turnoff_adu == 9e4
    table.remove_column("COEFFS")
    with pytest.raises(ImageError, match="COEFFS"):
        linearizers_from_table(table)
