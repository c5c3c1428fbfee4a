import pytest
from astropy.io import fits

from calibrations.butler.raw_headers import (
    exposure_from_header,
    exposure_id,
    read_exposure,
)
from calibrations.butler.raw_reader import RawFileError

# As the commissioning camera wrote them on the sky.
ON_SKY = {
    "INSTRUME": "ComCam",
    "DAYOBS": "20241108",
    "SEQNUM": 266,
    "CONTRLLR": "O",
    "OBSID": "CC_O_20241108_000266",
    "IMGTYPE": "OBJECT",
    "TESTTYPE": "OBJECT",
    "REASON": "science",
    "PROGRAM": "PP-SURVEY",
    "OBJECT": "slew_icrs",
    "GROUPID": "2024-11-09T06:33:55.311",
    "TIMESYS": "TAI",
    "DATE-OBS": "2024-11-09T06:34:41.323",
    "DATE-BEG": "2024-11-09T06:34:41.323",
    "DATE-END": "2024-11-09T06:35:11.754",
    "EXPTIME": 30.0,
    "DARKTIME": 30.4306,
    "FILTER": "g_01",
    "RAFTBAY": "R22",
    "CCDSLOT": "S00",
    "TRACKSYS": "RADEC",
    "RA": 53.1255,
    "DEC": -28.1,
    "ROTPA": 102.8,
    "AZSTART": -89.1,
    "ELSTART": 69.75,
    "SIMULATE MTMOUNT": 0,
}


def test_a_header_of_the_camera_becomes_an_exposure():
    exposure = exposure_from_header(ON_SKY, source="raw.fits")

    assert exposure.instrument == "LSSTComCam"
    assert exposure.id == 2024110800266
    assert exposure.observation_type == "science"
    assert exposure.observation_reason == "science"
    assert exposure.physical_filter == "g_01"
    assert exposure.detector_name == "R22_S00"
    assert exposure.group == "2024-11-09T06:33:55.311"
    assert exposure.begin_tai.scale == "tai"
    assert (exposure.end_tai - exposure.begin_tai).sec == pytest.approx(30.431)
    assert exposure.dark_time_s == 30.4306
    assert exposure.zenith_angle_deg == pytest.approx(20.25)
    assert exposure.tracking_ra_deg == 53.1255
    assert exposure.can_see_sky
    assert not exposure.has_simulated


def test_calibration_frames_see_no_sky_and_the_reason_may_be_the_test_type():
    header = {**ON_SKY, "IMGTYPE": "BIAS", "TESTTYPE": "BIAS", "REASON": None}
    exposure = exposure_from_header({**header, "TRACKSYS": None}, source="raw.fits")

    assert exposure.observation_type == "bias"
    assert exposure.observation_reason == "bias"
    assert exposure.can_see_sky is False
    assert exposure.tracking_ra_deg is None


def test_an_old_header_gives_what_it_has():
    header = {
        "INSTRUME": "LSST_ATISS",
        "SEQNUM": "65",
        "CONTRLLR": "C",
        "DATE-OBS": "2018-09-21T06:12:18.210",
        "EXPTIME": 27.0,
    }
    exposure = exposure_from_header(header, source="raw.fits")

    # Before noon it is still the day before; the controller counted by itself then.
    assert exposure.day_obs == 20180920
    assert exposure.id == 3018092000065
    assert exposure.instrument == "LATISS"
    assert exposure.physical_filter == "unknown~unknown"
    assert exposure.observation_type == "unknown"
    assert exposure.can_see_sky is None
    assert (exposure.end_tai - exposure.begin_tai).sec == pytest.approx(27.0)
    assert exposure.detector_name is None


@pytest.mark.parametrize(
    ("instrument", "cards", "expected"),
    [
        ("LATISS", {"FILTER": "SDSSr_65mm", "GRATING": "empty_1"}, "SDSSr_65mm~empty"),
        ("lsstCam", {"FILTER": "SDSSi", "FILTER2": "ND_OD0.5"}, "SDSSi~ND_OD0.5"),
        ("lsstCam", {"FILTER": "SDSSi", "FILTER2": "empty"}, "SDSSi"),
        ("ComCam", {"FILTER": None}, "unknown"),
    ],
)
def test_filters_are_named_as_in_the_butler(instrument, cards, expected):
    header = {**ON_SKY, "INSTRUME": instrument, **cards}

    assert exposure_from_header(header, source="x").physical_filter == expected


@pytest.mark.parametrize(
    ("day_obs", "seq_num", "controller", "expected"),
    [
        (20241201, 160, "O", 2024120100160),
        (20190530, 1, "C", 3019053000001),
        (20231004, 7, "C", 3023100400007),
        (20231005, 7, "C", 2023100500007),
        (20190322, 2, "H", 4019032200002),
        (20250417, 3, "P", 5025041700003),
        (20250418, 3, "P", 2025041800003),
        (20240404, 780, "S", 7024040400780),
        (20261109, 99999, "O", 2026110999999),
    ],
)
def test_exposure_ids_follow_day_sequence_and_controller(
    day_obs, seq_num, controller, expected
):
    assert exposure_id(day_obs, seq_num, controller) == expected


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"SEQNUM": None}, "the header has no SEQNUM"),
        ({"SEQNUM": "first"}, "SEQNUM is 'first'"),
        ({"SEQNUM": 100000}, "0 to 99999 fit"),
        ({"CONTRLLR": "X"}, "controller is 'X'"),
        ({"INSTRUME": " "}, "the header has no INSTRUME"),
        ({"DAYOBS": "8 November"}, "DAYOBS is '8 November'"),
        ({"DAYOBS": "20"}, "DAYOBS is 20"),
        ({"DATE-BEG": "yesterday"}, "DATE-BEG is 'yesterday'"),
        ({"DATE-BEG": None, "DATE-OBS": None}, "the header has no DATE-OBS"),
        ({"DATE-END": "2024-11-08T00:00:00"}, "is before DATE-BEG"),
        ({"EXPTIME": "long"}, "EXPTIME is 'long'"),
        ({"TIMESYS": "MARS"}, "TIMESYS MARS"),
    ],
)
def test_a_wrong_header_is_named_by_file_keyword_and_value(cards, message):
    with pytest.raises(RawFileError, match=message) as caught:
        exposure_from_header({**ON_SKY, **cards}, source="wrong.fits")
    assert "wrong.fits" in str(caught.value)


def test_utc_is_turned_into_tai():
    header = {**ON_SKY, "TIMESYS": "UTC"}
    exposure = exposure_from_header(header, source="raw.fits")

    assert exposure.begin_tai.isot == "2024-11-09T06:35:18.323"


def test_a_file_is_read_by_its_primary_header(tmp_path):
    path = tmp_path / "raw.fits"
    hdu = fits.PrimaryHDU()
    for keyword, value in ON_SKY.items():
        hdu.header[keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"] = value
    hdu.header["HIERARCH SIMULATE PIXELS"] = 1
    hdu.writeto(path)

    exposure = read_exposure(path)
    assert exposure.obs_id == "CC_O_20241108_000266"
    assert exposure.has_simulated

    path.write_bytes(b"SIMPLE")
    with pytest.raises(RawFileError, match=r"raw\.fits"):
        read_exposure(path)
