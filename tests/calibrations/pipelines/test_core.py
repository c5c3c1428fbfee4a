import math

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from calibrations.domain.cameras import camera
from calibrations.pipelines.core import amplifier_medians
from calibrations.pipelines.core_tools import ANALYSES
from calibrations.pipelines.focal_plane import plot_focal_plane
from calibrations.pipelines.metrics import MetricMeasurementBundle, core_metrics

FLAT_TOOLS = ANALYSES["cpFlatCore"].planes


def make_results():
    """Two exposures of two amplifiers, and a detector's row without an amplifier."""
    return Table(
        {
            "detector": [0, 0, 0, 0, 0],
            "amplifier": ["C10", "C11", "C10", "C11", ""],
            **{
                tool.column: MaskedColumn(
                    [1.0, 5.0, 3.0, math.nan, 99.0], mask=[0, 0, 0, 0, 1]
                )
                for tool in FLAT_TOOLS.values()
            },
        }
    )


def test_a_metric_is_the_median_of_what_was_measured():
    bundle = core_metrics(FLAT_TOOLS, make_results())
    assert bundle["flatNoisePerAmp"] == [
        {"metric": "flatNoisePerAmp_median", "value": 3.0, "unit": "electron"}
    ]
    assert bundle["flatMedianPerAmp"][0]["unit"] == ""


def test_what_was_never_measured_has_no_value():
    results = make_results()
    results["FLAT_NOISE"] = np.nan
    bundle = core_metrics(FLAT_TOOLS, results)
    assert bundle["flatNoisePerAmp"][0]["value"] is None


def test_a_bundle_survives_its_file():
    bundle = core_metrics(FLAT_TOOLS, make_results())
    bundle.dataset_identifier = "DM-1"
    again = MetricMeasurementBundle.model_validate_json(bundle.json())
    assert again == bundle
    assert again.dataset_identifier == "DM-1"


def test_plots_show_the_median_of_each_amplifier():
    medians = amplifier_medians(make_results(), FLAT_TOOLS["flatNoisePerAmp"])
    assert medians == {(0, "C10"): 2.0, (0, "C11"): 5.0}


@pytest.mark.parametrize("values", [{}, {(0, "C10"): 3.0}, {(8, "C03"): math.nan}])
def test_a_focal_plane_is_drawn_whatever_is_missing(values):
    figure = plot_focal_plane(
        camera("LSSTComCam"), values, title="a title", label="a label (electron)"
    )
    plane = figure.axes[0]
    (amplifiers,) = plane.collections
    assert len(amplifiers.get_paths()) == 9 * 16
    shown = np.ma.count(amplifiers.get_array())
    assert shown == sum(math.isfinite(v) for v in values.values())
    assert plane.get_xlabel() == "x (mm)"
    figure.canvas.draw()


def test_an_amplifier_is_drawn_where_the_camera_has_it():
    figure = plot_focal_plane(
        camera("LSSTComCam"), {(0, "C10"): 1.0}, title="", label=""
    )
    (amplifiers,) = figure.axes[0].collections
    (index,) = np.flatnonzero(~np.ma.getmaskarray(amplifiers.get_array()))
    corner = amplifiers.get_paths()[index].vertices.min(axis=0)
    box = camera("LSSTComCam").detector(0).box
    # C10 is the left end of the upper row.
    assert corner[0] == pytest.approx(box.x0)
    assert corner[1] == pytest.approx((box.y0 + box.y1) / 2)
