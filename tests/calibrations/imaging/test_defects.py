import numpy as np
import pytest

from calibrations.imaging.defects import (
    DefectBoxes,
    boxes_from_mask,
    mask_defects,
    mask_edges,
    merge_masks,
)
from calibrations.imaging.errors import ImageError


def boxes_of(*rows):
    return DefectBoxes(*np.array(rows, dtype=np.int64).reshape(-1, 4).T)


def test_boxes_cover_exactly_the_bad_pixels_once():
    rng = np.random.default_rng(1)
    for fraction in (0.0, 0.003, 0.1, 0.6, 1.0):
        mask = rng.random((70, 43)) < fraction
        boxes = boxes_from_mask(mask)
        assert np.array_equal(mask_defects(boxes, mask.shape), mask)
        # No overlap: the areas add up to the pixels.
        assert int((boxes.width * boxes.height).sum()) == int(mask.sum())


def test_a_block_is_one_box_and_neighbours_of_other_rows_are_two():
    mask = np.zeros((30, 20), bool)
    mask[5:25, 3:6] = True
    mask[5:24, 6] = True
    boxes = boxes_from_mask(mask)
    found = np.stack([boxes.x0, boxes.y0, boxes.width, boxes.height], axis=1)
    assert found.tolist() == [[3, 5, 3, 20], [6, 5, 1, 19]]


def test_a_table_gives_back_what_was_put_in():
    boxes = boxes_of((0, 0, 3, 7), (40, 2, 1, 1))
    table = boxes.to_table()
    assert table.colnames == ["x0", "y0", "width", "height"]
    assert str(table["height"].unit) == "pix"
    again = DefectBoxes.from_table(table)
    assert len(again) == 2
    assert np.array_equal(again.height, boxes.height)
    assert len(DefectBoxes.from_table(boxes_of().to_table())) == 0


def test_boxes_are_cut_at_the_edge_and_refused_outside():
    # What a manual box says beyond the detector is cut off ...
    mask = mask_defects(boxes_of((-2, 8, 4, 5)), (10, 6))
    assert mask[8:, :2].all()
    assert mask.sum() == 4
    # ... and one of another detector is an error.
    with pytest.raises(ImageError, match="lies outside the detector of 6 x 10"):
        mask_defects(boxes_of((6, 0, 1, 1)), (10, 6))


def test_masks_merge_by_or_and_and_fraction():
    frames = np.zeros((4, 1, 5), bool)
    for i in range(5):
        frames[:i, 0, i] = True  # pixel i is bad in i of 4 frames
    assert merge_masks(list(frames), "OR")[0].tolist() == [False, *[True] * 4]
    # AND finds what is bad in all frames (upstream's finds nothing).
    assert merge_masks(list(frames), "AND")[0].tolist() == [*[False] * 4, True]
    # More than 0.7 of 4 frames are 3.
    assert merge_masks(list(frames), "FRACTION", fraction=0.7)[0].tolist() == [
        *[False] * 3,
        True,
        True,
    ]
    # The fraction is exclusive: half of the frames is not more than half.
    assert merge_masks(list(frames), "FRACTION", fraction=0.5)[0].sum() == 2
    with pytest.raises(ImageError, match="no defect mask"):
        merge_masks([])
    with pytest.raises(ImageError, match="different readout windows"):
        merge_masks([np.zeros((2, 2), bool), np.zeros((2, 3), bool)])
    with pytest.raises(ImageError, match="fraction of 1"):
        merge_masks(list(frames), "FRACTION", fraction=1.0)


def test_edges_are_as_wide_as_asked():
    mask = mask_edges((40, 30), rows=7, columns=8)
    assert not mask[7:-7, 8:-8].any()
    assert mask.sum() == 40 * 30 - 26 * 14
    assert not mask_edges((40, 30)).any()
    # An edge wider than the detector is all of it.
    assert mask_edges((4, 30), rows=7).all()
    with pytest.raises(ImageError):
        mask_edges((4, 30), rows=-1)
