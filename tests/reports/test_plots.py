import io

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from PIL import Image

from reports.domain.planes import AmplifierVerdict
from reports.plots.figures import FAILED, PASSED, save_png
from reports.plots.focal_plane import (
    Cell,
    Outline,
    plot_metric_plane,
    plot_verdict_plane,
)
from reports.plots.images import Stretch, find_stretch, plot_detector, shrink_image

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


def test_amplifiers_are_coloured_where_they_are():
    values = {(0, "C10"): 1.0, (0, "C11"): 2.0, (0, "C12"): 3.0}
    figure = plot_metric_plane(
        CELLS, OUTLINES, values, failing=set(), title="noise", label="noise (e⁻)"
    )
    at = pixels_of(figure)
    cividis = colormaps["cividis"]
    assert at(5, 10) == pytest.approx(cividis(0.0)[:3], abs=0.02)
    assert at(25, 10) == pytest.approx(cividis(1.0)[:3], abs=0.02)
    # To scale: as many pixels a millimetre in x as in y.
    transform = figure.axes[0].transData.transform
    (x0, y0), (x1, y1) = transform((0, 0)), transform((10, 10))
    assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-3)


def test_what_is_not_measured_is_hatched():
    figure = plot_metric_plane(
        CELLS, OUTLINES, {(0, "C10"): 1.0}, failing=set(), title="", label=""
    )
    hatched = [p for p in figure.axes[0].patches if p.get_hatch()]
    assert sorted(p.get_x() for p in hatched) == [10.0, 20.0, 30.0]


def test_failing_amplifiers_are_framed_and_marked():
    figure = plot_metric_plane(
        CELLS, OUTLINES, {}, failing={(0, "C12")}, title="", label=""
    )
    axes = figure.axes[0]
    framed = [p.get_x() for p in axes.patches if p.get_linewidth() == 2.0]
    assert framed == [20.0]
    marks = [t.get_position()[0] for t in axes.texts if t.get_text() == "✕"]
    assert marks == [25.0]


def test_verdicts_have_a_colour_and_a_mark():
    verdicts = {
        (0, "C10"): AmplifierVerdict.PASSED,
        (0, "C11"): AmplifierVerdict.SOME,
        (0, "C12"): AmplifierVerdict.ALL,
    }
    figure = plot_verdict_plane(CELLS, OUTLINES, verdicts, title="bias")
    at = pixels_of(figure)
    assert at(5, 10) == pytest.approx(to_rgb(PASSED), abs=0.02)
    assert at(25, 10) == pytest.approx(to_rgb(FAILED), abs=0.02)
    marks = {t.get_text() for t in figure.axes[0].texts}
    assert {"◐", "✕"} <= marks


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
        figure = plot_verdict_plane(CELLS, OUTLINES, {}, title="bias")
        save_png(figure, tmp_path / name)
    first, second = ((tmp_path / name).read_bytes() for name in ("a", "b"))
    assert first == second
    assert set(Image.open(io.BytesIO(first)).info) <= {"dpi"}
