import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from reports.domain.planes import AmplifierVerdict
from reports.plots.figures import FAILED, INK, PASSED, make_axes, save_png
from reports.plots.focal_plane import (
    Cell,
    Outline,
    plot_metric_plane,
    plot_verdict_plane,
)
from reports.plots.images import Stretch, find_stretch, plot_detector, shrink_image

SVG = "{http://www.w3.org/2000/svg}"
CELLS = [Cell((0, f"C1{i}"), 10.0 * i, 0.0, 10.0 * i + 10, 40.0) for i in range(4)]
OUTLINES = [Outline("R22_S11", 0.0, 0.0, 40.0, 40.0)]


def pixels_of(figure):
    """The drawn figure, and a function from millimetres to its colours."""
    axes = figure.axes[0]
    figure.canvas.draw()
    image = np.asarray(figure.canvas.buffer_rgba())[..., :3] / 255

    def at(x, y):
        column, row = axes.transData.transform((x, y))
        return image[image.shape[0] - 1 - round(row), round(column)]

    return at


def read_plane(text):
    """Every box of a plane: fill, edge, left, right, top and bottom."""
    boxes = []
    for path in ElementTree.fromstring(text).iter(f"{SVG}path"):
        for drawn in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)", path.get("d")):
            x0, y0, x1, y1 = map(float, drawn)
            boxes.append((path.get("fill"), path.get("stroke"), x0, x1, y0, y1))
    return boxes


def plane(values, **changes):
    options = {"failing": set(), "title": "noise", "label": "noise (e⁻)", **changes}
    return plot_metric_plane(CELLS, OUTLINES, values, **options)


def test_amplifiers_are_coloured_where_they_are():
    values = {(0, "C10"): 1.0, (0, "C11"): 2.0, (0, "C12"): 3.0}
    boxes = read_plane(plane(values))
    (outline,) = (box for box in boxes if box[1] == INK)
    filled = sorted((b for b in boxes if b[1] == "white"), key=lambda b: b[2])
    colours = [to_rgb(box[0]) for box in filled]
    assert colours[0] == pytest.approx(colormaps["cividis"](0.0)[:3], abs=0.02)
    assert colours[1] == pytest.approx(colormaps["cividis"](0.5)[:3], abs=0.04)
    assert colours[2] == pytest.approx(colormaps["cividis"](1.0)[:3], abs=0.02)
    # To scale: the outline is a square, and each amplifier a quarter of it.
    _, _, x0, x1, y0, y1 = outline
    assert x1 - x0 == pytest.approx(y1 - y0, abs=0.2)
    for i, box in enumerate(filled):
        assert box[2] == pytest.approx(x0 + i * (x1 - x0) / 4, abs=0.2)
        assert box[5] - box[4] == pytest.approx(y1 - y0, abs=0.2)


def test_y_grows_upwards():
    cells = [Cell((0, "C00"), 0.0, 0.0, 40.0, 20.0), Cell((0, "C10"), 0, 20, 40, 40)]
    drawn = plot_metric_plane(
        cells,
        OUTLINES,
        {(0, "C00"): 1, (0, "C10"): 2},
        failing=set(),
        title="",
        label="",
    )
    low, high = sorted(b for b in read_plane(drawn) if b[1] == "white")
    assert low[4] > high[4]


def test_what_is_not_measured_is_hatched():
    boxes = read_plane(plane({(0, "C10"): 1.0}))
    assert sum(box[0] == "url(#none)" for box in boxes) == 3


def test_failing_amplifiers_are_framed_and_marked():
    text = plane({}, failing={(0, "C12")})
    third = sorted(box[2] for box in read_plane(text) if box[0] == "url(#none)")[2]
    assert [box[2] for box in read_plane(text) if box[1] == FAILED] == [third]
    marks = [e.text for e in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert marks.count("✕") == 1


def test_long_numbers_leave_room_for_the_label_of_the_scale():
    values = {(0, "C10"): -4.6e4, (0, "C11"): -1.3e4}
    texts = list(ElementTree.fromstring(plane(values)).iter(f"{SVG}text"))
    ticks = [e for e in texts if "e+" in e.text]
    (label,) = (e for e in texts if e.get("transform"))
    right = max(float(e.get("x")) + 0.6 * 12 * len(e.text) for e in ticks)
    left = float(re.search(r"translate\(([\d.]+)", label.get("transform"))[1]) - 13
    assert len(ticks) == 5
    assert right <= left


def test_verdicts_have_a_colour_and_a_mark():
    verdicts = {
        (0, "C10"): AmplifierVerdict.PASSED,
        (0, "C11"): AmplifierVerdict.SOME,
        (0, "C12"): AmplifierVerdict.ALL,
    }
    text = plot_verdict_plane(CELLS, OUTLINES, verdicts, title="bias")
    boxes = sorted((b for b in read_plane(text) if b[1] == "white"), key=lambda b: b[2])
    assert [box[0] for box in boxes][::2] == [PASSED, FAILED]
    marks = {e.text for e in ElementTree.fromstring(text).iter(f"{SVG}text")}
    assert {"◐", "✕"} <= marks


def test_a_plane_says_its_range_and_escapes_what_it_is_given():
    values = {(0, f"C1{i}"): -2.0 + i for i in range(4)}
    text = plane(values, title="<noise>", label="a & b")
    words = [e.text for e in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {"<noise>", "a & b", "−1.94", "0.94"} <= set(words)
    assert text == plane(values, title="<noise>", label="a & b")


def test_a_detector_is_drawn_origin_lower():
    image = np.zeros((40, 40))
    image[:5, :5] = 1.0
    image[-5:, -5:] = np.nan
    figure = plot_detector(
        image, stretch=Stretch(0.0, 1.0), title="", label="", shape=(40, 40)
    )
    at = pixels_of(figure)
    cividis = colormaps["cividis"]
    assert at(2, 2) == pytest.approx(cividis(1.0)[:3], abs=0.02)
    assert at(37, 2) == pytest.approx(cividis(0.0)[:3], abs=0.02)
    assert at(37, 37) == pytest.approx(to_rgb("#b9c0c7"), abs=0.02)


def test_one_stretch_spans_all_images():
    images = [np.full((10, 10), 1.0), np.full((10, 10), 3.0), np.full((2, 2), np.nan)]
    assert find_stretch(images) == Stretch(1.0, 3.0)
    assert find_stretch(images, centre=0.0) == Stretch(-3.0, 3.0)
    flat = find_stretch([np.ones((3, 3))])
    assert flat.low < 1.0 < flat.high
    assert find_stretch([np.full((3, 3), np.nan)]) == Stretch(0.0, 1.0)


def test_shrinking_averages_and_forgets_nan():
    image = np.arange(16.0).reshape(4, 4)
    image[0, 0] = np.nan
    shrunk = shrink_image(image, max_side=2)
    assert shrunk == pytest.approx(np.array([[10 / 3, 4.5], [10.5, 12.5]]))
    assert np.isnan(shrink_image(np.full((4, 4), np.nan), max_side=2)).all()
    assert shrink_image(image, max_side=4).shape == (4, 4)


def test_equal_figures_are_equal_files(tmp_path):
    for name in ("a", "b"):
        figure = plot_detector(
            np.ones((4, 4)), stretch=Stretch(0, 1), title="", label="", shape=(4, 4)
        )
        save_png(figure, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
    assert set(Image.open(io.BytesIO(first)).info) <= {"dpi"}


@pytest.mark.parametrize("length", [60, 80, 110])
def test_long_labels_stay_in_the_figure(length):
    label = ("abs(NEIGHBOUR_AFTER) / max(NEIGHBOUR_ERROR, 0) - " * 3)[:length]
    figure, axes = make_axes("bfk", label, "results")
    figure.canvas.draw()
    box = axes.xaxis.label.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width
    assert box.y0 >= 0
