"""A fringe frame is built from science exposures, and takes fringes out of others."""

import numpy as np
import pytest
from lsst.daf.butler import Butler

from calibrations.simulation.effects import Effects
from tests.support.observatory import (
    FIRST_NIGHT,
    SECOND_NIGHT,
    build_small_observatory,
)
from tests.support.pipelines import (
    DEFAULT,
    INSTRUMENT,
    RAWS,
    certify,
    failure_of,
    put_defects,
    run_pipeline,
    select,
)

pytestmark = pytest.mark.long

DETECTOR = 4
FILTER = "r_03"
FIRST = f"exposure.day_obs={FIRST_NIGHT}"
SECOND = f"exposure.day_obs={SECOND_NIGHT}"
N_FRAMES = 8
AMPLITUDE = 0.04 * np.sqrt(2)
"""The simulator is told a standard deviation."""


@pytest.fixture(scope="module")
def observatory(tmp_path_factory):
    """Eight science frames with stars and fringes, and one of another night."""
    observatory = build_small_observatory(
        tmp_path_factory.mktemp("fringe"),
        detectors=(DETECTOR,),
        frames=(N_FRAMES, 1),
        kinds=("bias", "dark", "flat", "science"),
        effects=Effects(fringe_amplitude=0.04, stars=1, planted_defects=1),
        seed=11,
    )
    repository = observatory.repository
    put_defects(repository, (DETECTOR,), run="gen/defects")
    certify(repository, "gen/defects", "defects", f"{DEFAULT}/defects")
    for kind in ("bias", "dark", "flat"):
        where = select(kind, FIRST)
        run_pipeline(
            repository, f"cp{kind.capitalize()}", run=f"gen/{kind}", where=where
        )
        certify(repository, f"gen/{kind}", kind, f"{DEFAULT}/{kind}")
    run_pipeline(
        repository, "cpFringe", run="gen/fringe", where=select("science", FIRST)
    )
    return observatory


def read(observatory, name, run, **data_id):
    with Butler.from_config(str(observatory.repository)) as butler:
        data_id = {"physical_filter": FILTER, **data_id}
        return butler.get(name, instrument=INSTRUMENT, collections=run, **data_id)


def check_pattern(image, good, truth):
    """Fringes of 4 % in noise of 0.7 % a pixel.

    A sky of 3000 electrons has 1.85 % of noise, the flat of eight 0.2 % and the mask of
    stars leaves seven frames or so; wings add a little.
    """
    difference = (image - 0.04 * truth.fringes)[good]
    assert difference.std() < 0.01
    assert abs(np.median(difference)) < 0.002


def test_the_fringe_frame_is_the_pattern_of_the_sky(observatory):
    fringe = read(observatory, "fringe", "gen/fringe", detector=DETECTOR)
    good = (fringe.mask & 1) == 0
    assert good.mean() > 0.98
    check_pattern(fringe.data, good, observatory.truth(DETECTOR))
    assert fringe.header["OBSTYPE"] == "fringe"
    assert fringe.header["BUNIT"] == "1"
    assert fringe.header["NCOMBINE"] == N_FRAMES
    assert fringe.header["CPP_INPUT_0"] == FIRST_NIGHT * 100000 + 3 * N_FRAMES + 1
    for kind in ("BIAS", "DARK", "FLAT", "DEFECTS"):
        assert fringe.header[f"LSST CALIB RUN {kind}"] == f"gen/{kind.lower()}"


def check_amplitude(measured):
    """2 %, and what stars and a small detector add."""
    assert measured == pytest.approx(AMPLITUDE, rel=0.02)


def test_the_amplitude_is_recovered(observatory):
    header = read(observatory, "fringe", "gen/fringe", detector=DETECTOR).header
    check_amplitude(header["LSST FRINGE AMPLITUDE"])
    assert 0 < header["LSST FRINGE AMPLITUDE ERROR"] < 0.01 * AMPLITUDE


def test_a_wrong_fringe_frame_is_noticed(observatory):
    fringe = read(observatory, "fringe", "gen/fringe", detector=DETECTOR)
    good, truth = (fringe.mask & 1) == 0, observatory.truth(DETECTOR)
    response = truth.response / np.median(truth.response)
    for wrong in (
        np.zeros_like(fringe.data),
        fringe.data[:, ::-1],
        # Nominal is half of it, as on another night; the sky left in; not flattened.
        0.5 * fringe.data,
        fringe.data + 1,
        (fringe.data + 1) * response - 1,
        -fringe.data,
    ):
        with pytest.raises(AssertionError):
            check_pattern(wrong, good, truth)
    # None, a standard deviation for an amplitude, and the noise of a frame left in.
    noise = 1 / np.sqrt(observatory.plan.sky_level_e)
    for amplitude in (0.0, AMPLITUDE / np.sqrt(2), np.hypot(AMPLITUDE, noise)):
        with pytest.raises(AssertionError):
            check_amplitude(amplitude)


def test_pictures_are_made(observatory):
    mosaic = read(observatory, "fringeMosaic8", "gen/fringe")
    binned = read(observatory, "fringeBin8", "gen/fringe", detector=DETECTOR)
    assert np.array_equal(mosaic.data, binned.data)


def verify(observatory, run, fringe_run="gen/fringe"):
    run_pipeline(
        observatory.repository,
        "verifyFringe",
        run=run,
        where=select("science", SECOND),
        inputs=(fringe_run, RAWS, DEFAULT),
    )


@pytest.fixture(scope="module")
def verified(observatory):
    verify(observatory, "verify/fringe")
    return observatory


def test_fringes_leave_the_frames_of_another_night(verified):
    stats = read(verified, "verifyFringeStats", "verify/fringe")
    assert stats["SUCCESS"] is True, stats
    tests = read(verified, "verifyFringeTests", "verify/fringe")
    assert len(tests) == 16 * 2 + 1
    results = read(verified, "verifyFringeResults", "verify/fringe")
    detector = results[results["amplifier"] == ""][0]
    # The night's fringes are those of the first, to the noise of half a detector.
    assert detector["FRINGE_SCALE"] == pytest.approx(
        1.0, abs=5 * detector["FRINGE_SCALE_ERROR"]
    )
    assert detector["FRINGE_SCALE_ERROR"] < 0.02
    amplifiers = results[results["amplifier"] != ""]
    before = np.median(amplifiers["FRINGE_AMPLITUDE_BEFORE"])
    after = np.median(amplifiers["FRINGE_AMPLITUDE_AFTER"])
    assert before > 0.6 * AMPLITUDE
    assert after < 0.2 * before
    assert (amplifiers["FRINGE_NOISE_AFTER"] < amplifiers["FRINGE_NOISE_BEFORE"]).all()


def test_a_fringe_frame_that_is_another_pattern_fails(verified, tmp_path):
    copy = verified.copied_to(tmp_path / "copy")
    fringe = read(copy, "fringe", "gen/fringe", detector=DETECTOR)
    fringe.data = np.ascontiguousarray(fringe.data[:, ::-1])
    with Butler.from_config(str(copy.repository), writeable=True, run="gen/odd") as b:
        b.put(
            fringe,
            "fringe",
            instrument=INSTRUMENT,
            detector=DETECTOR,
            physical_filter=FILTER,
        )
    verify(copy, "verify/odd", "gen/odd")
    stats = read(copy, "verifyFringeStats", "verify/odd")
    assert stats["SUCCESS"] is False
    (exposure,) = (child for key, child in stats.items() if key != "SUCCESS")
    failed = [text.split()[-1] for text in exposure["FAILURES"]]
    assert failed.count("AMPLITUDE") > 8
    assert "PATTERN" in failed


def test_frames_without_a_sky_are_named(observatory):
    said = failure_of(
        observatory.repository,
        "cpFringe",
        run="gen/dark_sky",
        where=select("dark", FIRST, f"exposure.physical_filter='{FILTER}'"),
    )
    assert "Exposure" in said
    assert "sky is" in said
