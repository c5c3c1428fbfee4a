"""Defects planted at twice the threshold are found, and nothing else is."""

import numpy as np
import pytest

from calibrations.imaging.defect_columns import (
    count_long_columns,
    dilate_rows,
    join_broken_columns,
)
from calibrations.imaging.defect_search import DefectSettings, find_defects
from calibrations.imaging.errors import ImageError
from calibrations.imaging.frames import Box

AMPLIFIER = (200, 60)
SHAPE = (2 * AMPLIFIER[0], 4 * AMPLIFIER[1])
BOXES = {
    f"C{half}{i}": Box(i * 60, half * 200, (i + 1) * 60, (half + 1) * 200)
    for half in range(2)
    for i in range(4)
}
GAINS = {name: 1.3 + 0.05 * i for i, name in enumerate(BOXES)}
VALUE = DefectSettings("VALUE")
N_PLANTED = 400
N_PIXELS = SHAPE[0] * SHAPE[1]


def make_frame(level=0.0, scatter=1.0, seed=1):
    """Noise about a level that differs among amplifiers, as real ones do."""
    rng = np.random.default_rng(seed)
    image = rng.normal(0.0, scatter, SHAPE)
    for i, box in enumerate(BOXES.values()):
        image[box.slices] += level * (1 + 0.02 * i)
    return image.astype(np.float32)


def plant(image, excess, seed=2):
    """Change random pixels; returns where."""
    rng = np.random.default_rng(seed)
    planted = np.zeros(image.size, bool)
    planted[rng.choice(image.size, N_PLANTED, replace=False)] = True
    planted = planted.reshape(image.shape)
    image[planted] += excess if np.isscalar(excess) else excess[planted]
    return planted


def quality(found, planted):
    """Completeness and purity."""
    both = (found & planted).sum()
    return both / planted.sum(), both / max(found.sum(), 1)


def gain_map():
    image = np.empty(SHAPE)
    for name, box in BOXES.items():
        image[box.slices] = GAINS[name]
    return image


CASES = {
    # name: kind, settings, unit, level, scatter, excess at twice the threshold
    "bias VALUE": ("bias", VALUE, "adu", 0.0, 3.0, 2000.0),
    "bias VALUE, cold": ("bias", VALUE, "adu", 0.0, 3.0, -2000.0),
    "bias VALUE in electrons": (
        "bias",
        VALUE,
        "electron",
        0.0,
        3.0,
        2000.0 * gain_map(),
    ),
    "dark VALUE": ("dark", VALUE, "electron", 0.05, 0.06, 10.0),
    "dark VALUE in adu": ("dark", VALUE, "adu", 0.05, 0.06, 10.0 / gain_map()),
    "dark STDEV": ("dark", DefectSettings(), "electron", 0.05, 0.06, 0.06 * 9.6),
    "flat VALUE": ("flat", VALUE, "electron", 1.0, 0.01, -0.4 * 1.07),
    "flat STDEV, bright": ("flat", DefectSettings(), "electron", 1.0, 0.01, 0.096),
    "flat STDEV, cold": ("flat", DefectSettings(), "electron", 1.0, 0.01, -0.10),
}


@pytest.mark.parametrize("case", CASES)
def test_defects_at_twice_the_threshold_are_found(case):
    kind, settings, unit, level, scatter, excess = CASES[case]
    image = make_frame(level, scatter)
    planted = plant(image, excess)
    found = find_defects(
        image, BOXES, kind=kind, gains=GAINS, unit=unit, settings=settings
    )
    # The weakest contrast here is 4.8 sigma either side of the threshold: of 400
    # planted pixels 0.0003 are missed, of 96000 others 0.08 taken.
    completeness, purity = quality(found.mask, planted)
    assert completeness > 0.99
    assert purity > 0.99
    sign = np.sign(np.max(excess))
    counts = found.n_hot if sign > 0 else found.n_cold
    others = found.n_cold if sign > 0 else found.n_hot
    assert sum(counts.values()) == pytest.approx(N_PLANTED, abs=2)
    assert sum(others.values()) <= 1
    assert not found.dead


@pytest.mark.parametrize("case", CASES)
def test_what_is_not_planted_is_not_found(case):
    """The tests above fail for a finder that answers nothing, or everything."""
    kind, settings, unit, level, scatter, excess = CASES[case]
    plain = make_frame(level, scatter)
    nothing = find_defects(
        plain, BOXES, kind=kind, gains=GAINS, unit=unit, settings=settings
    )
    # 96000 pixels beyond 4.8 sigma: 0.08 expected, 2 would be a chance of 0.3 %.
    assert nothing.mask.sum() <= 1
    # Half of the threshold is no defect either.
    planted = plant(plain, np.asarray(excess) / 4 if np.ndim(excess) else excess / 4)
    assert (
        quality(
            find_defects(
                plain, BOXES, kind=kind, gains=GAINS, unit=unit, settings=settings
            ).mask,
            planted,
        )[0]
        < 0.02
    )


def test_gain_and_time_move_the_limit_of_a_dark():
    image = make_frame(0.0, 0.05)
    # 5 e-/s over 30 s are 150 electrons, 107 ADU at a gain of 1.4.
    image[10, 10], image[20, 20] = 120.0, 100.0
    found = find_defects(
        image,
        BOXES,
        kind="dark",
        gains=dict.fromkeys(BOXES, 1.4),
        unit="adu",
        exposure_time_s=30.0,
        settings=VALUE,
    )
    assert np.argwhere(found.mask).tolist() == [[10, 10]]
    # In electrons a second both are far beyond.
    again = find_defects(image, BOXES, kind="dark", gains=GAINS, settings=VALUE)
    assert again.mask.sum() == 2


def test_a_column_that_is_bad_on_and_off_is_joined():
    mask = np.zeros((300, 5), bool)
    mask[20:200:3, 2] = True  # 60 bad pixels, gaps of two
    mask[240, 2] = True  # a gap of 42 rows stays
    mask[20:100:3, 4] = True  # 27 are too few
    joined = join_broken_columns(mask)
    assert joined[20:198, 2].all()
    assert not joined[198:240, 2].any()
    assert joined[240, 2]
    assert np.array_equal(joined[:, 4], mask[:, 4])
    # The gap that is filled has fewer good pixels than the threshold.
    assert join_broken_columns(mask, max_gap=43)[198:240, 2].all()
    assert not join_broken_columns(mask, max_gap=42)[198:240, 2].any()
    assert np.array_equal(join_broken_columns(mask, min_bad=62), mask)


def test_columns_with_many_bad_pixels_are_filled_in_their_amplifier_alone():
    image = make_frame(0.0, 0.05)
    image[0:120, 70] = 50.0
    settings = DefectSettings("VALUE", fill_threshold=100)
    found = find_defects(image, BOXES, kind="dark", gains=GAINS, settings=settings)
    assert found.mask[:200, 70].all()
    assert not found.mask[200:, 70].any()
    assert found.n_bad_columns == {name: int(name == "C01") for name in BOXES}
    # Counted before the column was filled.
    assert found.n_hot["C01"] == 120
    # Without the step the column is as it was found, and counts as one yet.
    plain = find_defects(image, BOXES, kind="dark", gains=GAINS, settings=VALUE)
    assert plain.mask[:, 70].sum() == 120
    assert plain.n_bad_columns["C01"] == 1


def test_saturated_pixels_are_widened_and_fill_their_column():
    image = make_frame(0.0, 0.05)
    saturated = np.zeros(SHAPE, bool)
    saturated[50:80, 100] = True
    settings = DefectSettings(
        "VALUE", saturated_fill_threshold=20, saturated_dilation=2
    )
    found = find_defects(
        image, BOXES, kind="dark", gains=GAINS, saturated=saturated, settings=settings
    )
    assert found.mask[50:80, 98:103].all()
    assert found.mask[:200, 100].all()
    assert found.mask.sum() == 200 + 30 * 4
    assert found.n_bad_columns["C01"] == 1
    assert dilate_rows(saturated, 0).sum() == 30


def test_what_cannot_be_measured_is_defective():
    image = make_frame(1.0, 0.01)
    image[33] = np.nan  # a row
    unusable = np.zeros(SHAPE, bool)
    unusable[5, 7] = True
    found = find_defects(
        image, BOXES, kind="flat", gains=GAINS, unusable=unusable, settings=VALUE
    )
    assert found.mask[33].all()
    assert found.mask[5, 7]
    assert found.mask.sum() == SHAPE[1] + 1


@pytest.mark.parametrize("fault", ["all NaN", "no variance", "dark in the light"])
def test_a_dead_amplifier_is_named_and_defective_throughout(fault):
    image = make_frame(1.0, 0.01)
    box = BOXES["C02"]
    image[box.slices] = {"all NaN": np.nan, "no variance": 1.0}.get(fault, -0.5)
    if fault == "dark in the light":
        image[box.slices] += make_frame(0, 0.01)[box.slices]
    found = find_defects(image, BOXES, kind="flat", gains=GAINS, settings=VALUE)
    assert found.dead == ("C02",)
    assert found.mask[box.slices].all()
    assert found.mask.sum() == AMPLIFIER[0] * AMPLIFIER[1]
    assert found.n_hot["C02"] == found.n_bad_columns["C02"] == 0


def test_a_gradient_hides_no_cold_pixel_and_makes_none():
    image = make_frame(1.0, 0.005)
    # The response falls by 30 % over the amplifier, as where the field is vignetted.
    ramp = np.tile(np.linspace(1.15, 0.85, 200), 2)[:, None].astype(np.float32)
    image *= ramp
    image[199, 100] *= 0.8  # cold, twice the threshold of 0.9
    fitted = DefectSettings("VALUE", flat_fraction_threshold=0.9, fit_gradient=True)
    found = find_defects(image, BOXES, kind="flat", gains=GAINS, settings=fitted)
    assert np.argwhere(found.mask).tolist() == [[199, 100]]
    # One level for the whole amplifier takes its darker end for cold.
    level = DefectSettings("VALUE", flat_fraction_threshold=0.9)
    assert (
        find_defects(image, BOXES, kind="flat", gains=GAINS, settings=level).mask.sum()
        > 0.1 * N_PIXELS
    )


def test_long_columns_are_counted_apart_from_pixels():
    mask = np.zeros((100, 10), bool)
    mask[10:30, 3] = True  # 20 in a row
    mask[10:29, 5] = True  # 19
    mask[::2, 7] = True  # 50, never two together
    assert count_long_columns(mask, 20) == (1, 19 + 50)
    assert count_long_columns(np.ones((100, 3), bool), 100) == (3, 0)
    assert count_long_columns(np.zeros((100, 3), bool), 20) == (0, 0)


def test_bad_input_is_refused():
    image = make_frame()
    few = {name: 1.0 for name in BOXES if name != "C13"}
    with pytest.raises(ImageError, match="gain is known of amplifier C13"):
        find_defects(image, BOXES, kind="dark", gains=few)
    with pytest.raises(ImageError, match="exposure time of nan"):
        find_defects(
            image, BOXES, kind="dark", gains=GAINS, exposure_time_s=float("nan")
        )
    with pytest.raises(ImageError, match="saturated pixels have shape"):
        find_defects(
            image, BOXES, kind="dark", gains=GAINS, saturated=np.zeros((3, 3), bool)
        )
