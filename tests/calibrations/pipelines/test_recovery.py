"""Calibrations agree with the truth; the comparison would notice if they did not."""

import numpy as np
import pytest

from tests.calibrations.pipelines.conftest import DETECTORS
from tests.support.recovery import check_bias, check_dark, check_flat

N = 12
DARK_TIME_S = 30.4


@pytest.fixture(scope="module")
def truths(lifecycle):
    return {d: lifecycle.observatory.truth(d) for d in DETECTORS}


@pytest.fixture(scope="module")
def products(lifecycle):
    return {
        kind: {d: lifecycle.product(kind, d).data.astype(float) for d in DETECTORS}
        for kind in ("bias", "dark", "flat")
    }


def raw_mean(lifecycle, kind, detector):
    """A plain mean of counts, assembled but corrected for nothing."""
    from lsst.daf.butler import Butler

    from calibrations.imaging.frames import assemble

    with Butler.from_config(str(lifecycle.repository)) as butler:
        refs = butler.query_datasets(
            "raw",
            collections="LSSTComCam/raw/all",
            where="instrument='LSSTComCam' AND detector=d AND "
            "exposure.observation_type=k AND exposure.day_obs=20261109",
            bind={"d": detector, "k": kind},
        )
        frames = []
        for ref in refs:
            raw = butler.get(ref)
            trimmed = {
                name: amplifier.data[amplifier.data_box.slices]
                for name, amplifier in raw.amplifiers.items()
            }
            frames.append(assemble(raw, trimmed).astype(float))
    return np.mean(frames, axis=0)


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_bias_is_the_true_one(products, truths, detector):
    check_bias(products["bias"][detector], truths[detector], N)


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_dark_is_the_true_one(products, truths, detector):
    check_dark(products["dark"][detector], truths[detector], N, N, DARK_TIME_S)


def test_the_flat_is_the_true_one_with_its_shape_between_detectors(
    lifecycle, products, truths
):
    # One of the twelve was saturated.
    level_e = lifecycle.observatory.plan.flat_level_e
    check_flat(
        [products["flat"][d] for d in DETECTORS],
        [truths[d] for d in DETECTORS],
        N - 1,
        level_e,
    )


@pytest.mark.parametrize(
    "wrong", ["zeros", "nominal", "uncorrected", "not in electrons", "upside down"]
)
def test_a_wrong_bias_is_noticed(lifecycle, products, truths, wrong):
    truth, image = truths[4], products["bias"][4]
    images = {
        "zeros": np.zeros_like(image),
        "nominal": np.full_like(image, np.median(image)),
        "uncorrected": raw_mean(lifecycle, "bias", 4),
        "not in electrons": image / truth.nominal_gain.mean(),
        "upside down": image[::-1],
    }
    with pytest.raises(AssertionError):
        check_bias(images[wrong], truth, N)


@pytest.mark.parametrize(
    "wrong", ["zeros", "nominal", "uncorrected", "not per second", "with its bias"]
)
def test_a_wrong_dark_is_noticed(lifecycle, products, truths, wrong):
    truth, image = truths[7], products["dark"][7]
    images = {
        "zeros": np.zeros_like(image),
        "nominal": np.full_like(image, np.median(truth.dark_e_per_s)),
        "uncorrected": raw_mean(lifecycle, "dark", 7),
        "not per second": image * DARK_TIME_S,
        "with its bias": image + products["bias"][7] / DARK_TIME_S,
    }
    with pytest.raises(AssertionError):
        check_dark(images[wrong], truth, N, N, DARK_TIME_S)


@pytest.mark.parametrize(
    "wrong", ["zeros", "nominal", "uncorrected", "each its own", "not normalised"]
)
def test_a_wrong_flat_is_noticed(lifecycle, products, truths, wrong):
    flats = [products["flat"][d] for d in DETECTORS]
    raws = [raw_mean(lifecycle, "flat", d) for d in DETECTORS]
    images = {
        "zeros": [np.zeros_like(flat) for flat in flats],
        "nominal": [np.ones_like(flat) for flat in flats],
        "uncorrected": [raw / np.mean(raws) for raw in raws],
        "each its own": [flat / np.median(flat) for flat in flats],
        "not normalised": [flat * 50000 for flat in flats],
    }
    with pytest.raises(AssertionError):
        check_flat(images[wrong], [truths[d] for d in DETECTORS], N - 1, 50000)
