import hashlib

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import Butler

from calibrations.pipelines.bias_dark import BiasCombineTask
from tests.calibrations.pipelines.conftest import DETECTORS, FILTER
from tests.support.observatory import FIRST_NIGHT
from tests.support.pipelines import (
    RAWS,
    build_graph,
    failure_of,
    run_pipeline,
    select,
)

UNITS = {"bias": "electron", "dark": "electron/s", "flat": "1"}
FIRST = f"exposure.day_obs={FIRST_NIGHT}"


@pytest.mark.parametrize("kind", UNITS)
def test_a_product_says_what_it_is_and_from_what(lifecycle, kind):
    header = lifecycle.product(kind, 4).header
    assert header["OBSTYPE"] == kind
    assert header["BUNIT"] == UNITS[kind]
    assert header["CALIB_CREATION_DATETIME"] == "2026-11-23T16:30:00"
    assert header["CALIB_CREATION_DATE"] == "2026-11-23"
    assert header["CALIB_CREATION_TIME"] == "16:30:00"
    offset = {"bias": 0, "dark": 12, "flat": 24}[kind]
    for i in range(12):
        assert header[f"CPP_INPUT_{i}"] == FIRST_NIGHT * 100000 + offset + i + 1
        assert header[f"CPP_INPUT_DATE_{i}"].startswith("2026-11-09T18:")
    assert "CPP_INPUT_12" not in header
    assert header["DATE-BEG"] == header["CPP_INPUT_DATE_0"]
    assert header["MJD-BEG"] < header["MJD-AVG"] < header["MJD-END"]
    assert header["EXPTIME"] == (0 if kind == "bias" else 1)
    # What all inputs share is kept, what differs is not.
    assert header["LSST_NUM"] == "ITL-3800C-283"
    assert "SEQNUM" not in header
    assert "OBSID" not in header


@pytest.mark.parametrize("kind", UNITS)
def test_gain_and_read_noise_are_told_with_their_source(lifecycle, kind):
    header = lifecycle.product(kind, 4).header
    assert header["LSST ISR GAIN C10"] == 1.354
    assert header["LSST ISR READNOISE C03"] == 8.0
    assert header["LSST ISR GAIN SOURCE"] == "camera model LSSTComCam"
    assert header["LSST ISR READNOISE SOURCE"] == "camera model LSSTComCam"
    residual = header["LSST ISR OVERSCAN RESIDUAL SERIAL STDEV C10"]
    assert residual == pytest.approx(0.91 * 5.8 / 1.354, rel=0.05)


@pytest.mark.parametrize("kind", UNITS)
def test_the_header_tells_how_pixels_are_distributed(lifecycle, kind):
    product = lifecycle.product(kind, 7)
    ny, nx = product.data.shape[0] // 2, product.data.shape[1] // 8
    # C13 is the fourth of the upper row.
    pixels = product.data[ny:, 3 * nx : 4 * nx]
    for level in (0, 5, 16, 50, 84, 95, 100):
        key = f"LSST CALIB {kind.upper()} C13 DISTRIBUTION {level:.1f}-PCT"
        expected = np.percentile(pixels.astype(float), level)
        assert product.header[key] == pytest.approx(expected, rel=1e-9)
    assert product.header[f"LSST CALIB {kind.upper()} C13 BADPIX-NUM"] == 0


def test_scales_are_what_each_input_was_divided_by(lifecycle):
    bias, dark, flat = (lifecycle.product(k, 4).header for k in UNITS)
    assert {bias[f"CPP_INPUT_SCALE_{i}"] for i in range(12)} == {1}
    assert {dark[f"CPP_INPUT_SCALE_{i}"] for i in range(12)} == {30.4}
    assert dark["CPP_INPUT_SCALE_UNITS"] == "s"
    other = lifecycle.product("flat", 7).header
    levels = [flat[f"CPP_INPUT_SCALE_{i}"] for i in range(12) if i != 3]
    assert levels == [other[f"CPP_INPUT_SCALE_{i}"] for i in range(12) if i != 3]
    assert np.mean(levels) == pytest.approx(50000, rel=0.05)


def test_a_saturated_flat_is_left_out_and_named(lifecycle):
    for detector in DETECTORS:
        header = lifecycle.product("flat", detector).header
        good = [header[f"CPP_INPUT_GOOD_{i}"] for i in range(12)]
        assert header["CPP_INPUT_3"] == lifecycle.saturated_exposure
        assert [i for i, fraction in enumerate(good) if fraction < 0.99] == [3]
        assert header["NCOMBINE"] == 11
    scales = lifecycle.get("cpFlatNormalizeScales", "gen/flat", physical_filter=FILTER)
    assert np.isnan(scales["expScale"][lifecycle.saturated_exposure])


def test_products_name_the_calibrations_they_were_made_with(lifecycle):
    with Butler.from_config(str(lifecycle.repository)) as butler:
        ref = butler.find_dataset(
            "bias", instrument="LSSTComCam", detector=4, collections="gen/bias"
        )
    for kind in ("dark", "flat"):
        header = lifecycle.product(kind, 4).header
        assert header["LSST CALIB UUID BIAS"] == str(ref.id)
        assert header["LSST CALIB RUN BIAS"] == "gen/bias"
    assert lifecycle.product("flat", 4).header["LSST CALIB RUN DARK"] == "gen/dark"


@pytest.mark.parametrize("kind", UNITS)
def test_a_mosaic_shows_every_detector_where_it_is(lifecycle, kind):
    more = {"physical_filter": FILTER} if kind == "flat" else {}
    mosaic = lifecycle.get(f"{kind}Mosaic8", f"gen/{kind}", **more)
    binned = lifecycle.get(f"{kind}Bin8", f"gen/{kind}", detector=4, **more)
    product = lifecycle.product(kind, 4)
    assert binned.data[0, 0] == pytest.approx(product.data[:8, :8].mean(), rel=1e-5)
    # Detector 7 (S21) is one row of CCDs above 4 (S11).
    ny, nx = binned.data.shape
    np.testing.assert_array_equal(mosaic.data[:ny, :nx], binned.data)
    assert mosaic.data.shape[0] == pytest.approx(ny * (1 + 42.25 / 40), abs=1)
    assert mosaic.data.shape[1] == nx


def test_one_graph_run_twice_gives_the_same_bytes(copied):
    repository = copied.repository
    where = select("dark", FIRST, "detector=4")
    executor, graph = build_graph(repository, "cpDark", run="again/dark", where=where)
    executor.pre_execute_qgraph(graph, register_dataset_types=True)
    executor.run_pipeline(graph)

    def fingerprints():
        found = {}
        with Butler.from_config(str(repository)) as butler:
            for name in ("dark", "darkBin8", "darkMosaic8"):
                for ref in butler.query_datasets(name, collections="again/dark"):
                    data = butler.getURI(ref).read()
                    found[str(ref.id)] = hashlib.sha256(data).hexdigest()
        return found

    before = fingerprints()
    # As after a kill: the product is gone and the quantum runs again.
    with Butler.from_config(str(repository), writeable=True) as butler:
        ref = next(iter(butler.query_datasets("dark", collections="again/dark")))
        butler.pruneDatasets([ref], unstore=True, purge=True, disassociate=True)
    executor.run_pipeline(graph)
    assert len(before) == 3
    assert fingerprints() == before


def test_a_creation_time_is_kept_with_the_configuration():
    config = BiasCombineTask.ConfigClass()
    config.validate()
    assert config.creationTime
    config.creationTime = "yesterday"
    with pytest.raises(ValueError, match="ISO-8601"):
        config.validate()


def test_files_are_plain_fits_for_anyone(lifecycle):
    with Butler.from_config(str(lifecycle.repository)) as butler:
        ref = butler.find_dataset(
            "flat",
            instrument="LSSTComCam",
            detector=4,
            physical_filter=FILTER,
            collections="gen/flat",
        )
        path = butler.getURI(ref).ospath
    with fits.open(path, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["IMAGE", "MASK", "VARIANCE"]
        relative = np.sqrt(np.median(hdus["VARIANCE"].data))
        assert relative == pytest.approx(1 / np.sqrt(11 * 50000), rel=0.25)


def test_too_few_inputs_are_an_error_that_counts_them(copied):
    where = select("bias", FIRST, "detector=4", "exposure.seq_num < 3")
    said = failure_of(copied.repository, "cpBias", run="few", where=where)
    assert "2 of 2 frames have usable pixels; combining takes at least 3" in said


def test_three_inputs_take_their_error_from_the_read_noise(copied):
    where = select("bias", FIRST, "detector=4", "exposure.seq_num < 4")
    run_pipeline(copied.repository, "cpBias", run="three", where=where, inputs=(RAWS,))
    product = copied.get("bias", "three", detector=4)
    ny, nx = product.data.shape[0] // 2, product.data.shape[1] // 8
    variance = product.variance[ny:, :nx]
    # Nominal read noise of C10; the signal's own shot noise counts where positive.
    assert np.median(variance) == pytest.approx(5.8**2 / 3, rel=0.35)
    assert variance.min() == pytest.approx(5.8**2 / 3, rel=0.01)
