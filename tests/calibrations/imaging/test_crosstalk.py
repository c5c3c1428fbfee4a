import numpy as np
import pytest

from calibrations.imaging.crosstalk import CrosstalkMatrix, subtract_crosstalk
from calibrations.imaging.errors import ImageError

NAMES = ("C10", "C11", "C12")
LINEAR = np.array([[0.0, 2e-4, 1e-5], [3e-4, 0.0, 0.0], [5e-5, -1e-4, 0.0]])
SQUARE = np.array([[0.0, 1e-9, 0.0], [0.0, 0.0, 2e-9], [0.0, 0.0, 0.0]])


@pytest.fixture
def light():
    rng = np.random.default_rng(1)
    frames = rng.uniform(100, 300, (3, 20, 30))
    frames[0, 5, 7], frames[1, 10, 12] = 9e4, 6e4
    return frames


def ghosted(light):
    """Add ghosts one target pixel at a time."""
    seen = light.copy()
    for source in range(3):
        for target in range(3):
            ghost = LINEAR[source, target] * light[source]
            seen[target] += ghost + SQUARE[source, target] * light[source] ** 2
    return dict(zip(NAMES, seen, strict=True))


def matrix(**more):
    return CrosstalkMatrix.from_coefficients(NAMES, LINEAR, squared=SQUARE, **more)


def test_ghosts_are_subtracted(light):
    corrected = subtract_crosstalk(ghosted(light), matrix(valid=LINEAR + SQUARE != 0))
    for name, truth in zip(NAMES, light, strict=True):
        # Left: the ghost's own ghost, and 7 digits of float32.
        assert np.abs(corrected[name] - truth).max() < 0.02
    # Without correction, or with zeros, ghosts of 18 electrons stay.
    zero = CrosstalkMatrix.from_coefficients(NAMES, np.zeros((3, 3)))
    for left in (ghosted(light), subtract_crosstalk(ghosted(light), zero)):
        assert np.abs(left["C11"] - light[1]).max() > 18


def test_transposed_matrix_does_not_do(light):
    # Rows are sources, columns targets.
    turned = CrosstalkMatrix.from_coefficients(NAMES, LINEAR.T)
    corrected = subtract_crosstalk(ghosted(light), turned)
    assert np.abs(corrected["C10"] - light[0]).max() > 5


def test_order_of_segments_does_not_matter(light):
    forward = ghosted(light)
    backward = dict(reversed(forward.items()))
    first, second = (subtract_crosstalk(one, matrix()) for one in (forward, backward))
    assert list(second) == list(reversed(NAMES))
    for name in NAMES:
        assert np.allclose(first[name], second[name], atol=1e-3)


def test_only_valid_coefficients_count(light):
    nothing = matrix(valid=np.zeros((3, 3), bool))
    corrected = subtract_crosstalk(ghosted(light), nothing)
    assert np.allclose(corrected["C11"], ghosted(light)["C11"])
    unknown = LINEAR.copy()
    unknown[0, 1] = np.nan
    one = CrosstalkMatrix.from_coefficients(NAMES, unknown)
    assert not one.valid[0, 1]
    assert np.isfinite(subtract_crosstalk(ghosted(light), one)["C11"]).all()


def test_not_a_number_of_a_source_stays_in_the_source(light):
    seen = ghosted(light)
    seen["C10"][3, 4] = np.nan
    corrected = subtract_crosstalk(seen, matrix())
    assert np.isnan(corrected["C10"][3, 4])
    assert np.isfinite(corrected["C11"]).all()


def test_strangers_and_other_shapes_are_refused(light):
    seen = ghosted(light)
    with pytest.raises(ImageError, match="does not know amplifier C77"):
        subtract_crosstalk(seen | {"C77": seen["C10"]}, matrix())
    with pytest.raises(ImageError, match="not read in step"):
        subtract_crosstalk(seen | {"C12": seen["C12"][:5]}, matrix())
    with pytest.raises(ImageError, match="errors of a crosstalk matrix"):
        matrix(errors=np.zeros((2, 2)))


def test_table_keeps_everything():
    one = matrix(errors=np.full((3, 3), 1e-6))
    table = one.to_table()
    assert list(table["AMPLIFIER_NAME"]) == list(NAMES)
    # A row is a source: its vector runs over the targets.
    assert table["CT_COEFFS"][1].tolist() == LINEAR[1].tolist()
    assert table["CT_COEFFS_SQR"].unit == "1/electron"
    back = CrosstalkMatrix.from_table(table)
    for name in ("coeffs", "squared", "errors", "valid", "counts", "replaced"):
        assert np.array_equal(getattr(back, name), getattr(one, name)), name
    table.remove_column("CT_ERRORS")
    with pytest.raises(ImageError, match="CT_ERRORS"):
        CrosstalkMatrix.from_table(table)


def test_other_gains_change_the_quadratic_term_only():
    other = matrix().rescaled(2.0)
    assert np.array_equal(other.coeffs, LINEAR)
    assert np.array_equal(other.squared, SQUARE / 2)
