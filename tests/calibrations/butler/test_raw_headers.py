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
    assert exposure.detector_name == "RXX_S00"
    assert exposure.obs_id == "AT_C_20180920_000065"


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
        ({"SEQNUM": None, "OBSID": None}, "the header has no SEQNUM"),
        ({"SEQNUM": "first"}, "SEQNUM is 'first'"),
        ({"SEQNUM": 100000}, "0 to 99999 fit"),
        ({"CONTRLLR": "X"}, "controller is 'X'"),
        ({"INSTRUME": " "}, "the header has no INSTRUME"),
        ({"DAYOBS": "8 November"}, "DAYOBS is '8 November'"),
        ({"DAYOBS": "20"}, "DAYOBS is 20"),
        ({"DAYOBS": "20241399"}, "DAYOBS is 20241399; a date"),
        ({"DATE-BEG": "yesterday"}, "DATE-BEG is 'yesterday'"),
        ({"DATE-BEG": None, "DATE-OBS": None}, "the header has no DATE-OBS"),
        ({"EXPTIME": "long"}, "EXPTIME is 'long'"),
        ({"EXPTIME": "nan"}, "EXPTIME is 'nan'; a number was expected"),
        ({"DARKTIME": float("inf")}, "DARKTIME is inf; a number was expected"),
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


def problems(**cards):
    return exposure_from_header({**ON_SKY, **cards}, source="raw.fits").problems


def test_a_header_that_agrees_with_itself_has_no_problems():
    assert problems() == ()


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ({"DAYOBS": "20241109"}, "by DATE-BEG 2024-11-09T06:34:41.323 it is 20241108"),
        ({"DAYOBS": "20241109"}, "OBSID or FILENAME is CC_O_20241108_000266"),
        ({"SEQNUM": 267}, "SEQNUM are O, 20241108, 267"),
        ({"MJD-BEG": 60623.2745}, "DATE-BEG and MJD-BEG are"),
        ({"DARKTIME": 1469.57}, "is 1469.57 s; from DATE-BEG to DATE-END it is 30.431"),
        ({"DATE-END": "2024-11-08T00:00:00"}, "is before DATE-BEG"),
        ({"FILTER": None, "FILTER2": "ND_OD0.5"}, "FILTER2 is ND_OD0.5"),
        ({"CONTRLLR": None, "OBSID": "CC_X_20241108_000266"}, "O is taken"),
        ({"INSTRUME": "LSST_CAMERA"}, "INSTRUME says LSST_CAMERA"),
        ({"IMGTYPE": None}, "IMGTYPE is missing; unknown is taken"),
        ({"FILTER": " "}, "FILTER is missing; unknown is taken"),
        ({"EXPTIME": None}, "EXPTIME is missing; 0 s is taken"),
        ({"EXPTIME": -1.0}, "EXPTIME is -1.0 s; 0 s is taken"),
        ({"DARKTIME": 0.0}, "DARKTIME is 0.0 s and EXPTIME 30.0 s; the longer one"),
    ],
)
def test_what_contradicts_itself_is_said_and_the_header_is_read(cards, message):
    assert any(message in problem for problem in problems(**cards))


def test_what_names_the_exposure_may_come_from_its_observations_name():
    header = {**ON_SKY, "DAYOBS": None, "SEQNUM": None, "CONTRLLR": None}
    exposure = exposure_from_header(header, source="raw.fits")

    assert exposure.id == 2024110800266
    assert len(exposure.problems) == 3
    # The name is read from FILENAME where there is no OBSID.
    named = {**header, "OBSID": None, "FILENAME": "CC_C_20190530_000001_R22_S00.fits"}
    assert exposure_from_header(named, source="x").id == 3019053000001


def test_a_clock_that_was_not_set_gives_way_to_the_files_date():
    exposure = exposure_from_header(
        {
            **ON_SKY,
            "DATE": "2024-11-09T06:35:14.000",
            "DATE-OBS": "1970-01-01T00:00:08.000",
            "DATE-BEG": "1970-01-01T00:00:08.000",
            "MJD-BEG": 40587.0,
        },
        source="raw.fits",
    )

    assert exposure.begin_tai.isot == "2024-11-09T06:35:14.000"
    assert exposure.day_obs == 20241108
    (problem,) = exposure.problems
    assert "1970-01-01T00:00:08.000" in problem


def test_before_may_2024_days_of_lsstcam_followed_california():
    lab = {
        "DATE-BEG": "2023-11-08T09:00:00",
        "DATE-OBS": None,
        "DATE-END": None,
        "INSTRUME": "lsstCam",
        "OBSID": "MC_C_20231108_000266",
        "CONTRLLR": "C",
        "DAYOBS": "20231108",
    }
    assert problems(**lab) == ()
    later = {key: str(v).replace("2023", "2025") for key, v in lab.items() if v}
    assert problems(**{**lab, **later}) != ()


@pytest.mark.parametrize(
    ("seq_num", "expected"), [(75, "y_10"), (76, "z_20"), (578, "z_20"), (579, "y_10")]
)
def test_corrections_that_the_observatory_published_are_applied(seq_num, expected):
    exposure = exposure_from_header(
        {
            **ON_SKY,
            "INSTRUME": "lsstCam",
            "OBSID": f"MC_O_20250609_{seq_num:06d}",
            "DAYOBS": "20250609",
            "SEQNUM": seq_num,
            "DATE-BEG": "2025-06-10T07:31:55.280",
            "DATE-END": "2025-06-10T07:32:26.229",
            "FILTER": "y_10",
        },
        source="raw.fits",
    )

    assert exposure.physical_filter == expected
    assert ("DM-52711" in "".join(exposure.problems)) == (expected == "z_20")


@pytest.mark.parametrize(
    ("cards", "expected"),
    [
        ({"FILTER": "ph_05"}, "ph_5"),
        ({"FILTER": "NONE"}, "none"),
        ({"FILTER": "empty", "FILTER2": "ND_OD0.5"}, "ND_OD0.5"),
        ({"FILTER": "r_57", "FILTER1": "empty", "FILTER2": "red"}, "r_57~red"),
        ({"FILTER": "empty", "FILTER2": "empty"}, "empty"),
        ({"FILTER": "unspecified"}, "unknown"),
    ],
)
def test_filters_of_the_test_benches_have_their_names(cards, expected):
    header = {**ON_SKY, "INSTRUME": "lsstCam", **cards}

    assert exposure_from_header(header, source="x").physical_filter == expected


def test_early_latiss_wrote_the_image_type_into_the_group():
    header = {
        **ON_SKY,
        "INSTRUME": "LATISS",
        "OBSID": "AT_O_20190915_000037",
        "DAYOBS": "20190915",
        "SEQNUM": 37,
        "DATE-BEG": "2019-09-15T18:13:32.400",
        "DATE-END": None,
        "GROUPID": "bias_0027_0100",
        "IMGTYPE": None,
    }

    assert exposure_from_header(header, source="x").observation_type == "bias"


def test_a_test_stands_exposures_are_numbered_by_the_time():
    header = {
        "TSTAND": "BNL-TS3-2-Janeway",
        "INSTRUME": "ArchonCCDController",
        "LSST_NUM": "E2V-CCD250-411",
        "FILENAME": "E2V-CCD250-411_lambda_flat_1000_025_20181115075559.fits",
        "DATE-OBS": "2018-11-15T12:55:11.149",
        "SEQNUM": 25,
        "IMGTYPE": "FLAT",
        "EXPTIME": 44.631,
        "FILTER": "550CutOn",
    }
    exposure = exposure_from_header(header, source="raw.fits")

    assert (exposure.instrument, exposure.id) == ("LSST-TS3", 201811151255111)
    assert exposure.obs_id.startswith("E2V-CCD250-411_lambda")
    assert "E2V-CCD250-411" in exposure.problems[0]

    raft = {**header, "TSTAND": "TS8", "INSTRUME": None, "RUNNUM": "6006D"}
    assert exposure_from_header(raft, source="x").instrument == "LSST-TS8"
    assert exposure_from_header(raft, source="x").science_program == "6006D"


def test_a_simulation_of_the_first_years_is_numbered_by_its_observation():
    header = {
        "TESTTYPE": "IMSIM",
        "OBSID": 204595,
        "CHIPID": "R11_S02",
        "FILTER": "i",
        "PKG00000": "throughputs",
        "VER00000": "1.4",
        "DATE-OBS": "2022-10-05T06:53:26.357",
        "EXPTIME": 30.0,
        "IMGTYPE": "SKYEXP",
    }
    exposure = exposure_from_header(header, source="raw.fits")

    assert (exposure.instrument, exposure.id) == ("LSSTCam-imSim", 204595)
    assert exposure.detector_name == "R11_S02"
    assert exposure.physical_filter == "i_sim_1.4"
    assert exposure.has_simulated


def test_visits_of_several_exposures_know_their_first_and_last():
    second = exposure_from_header({**ON_SKY, "CURINDEX": 2, "MAXINDEX": 3}, source="x")

    assert (second.seq_start, second.seq_num, second.seq_end) == (265, 266, 267)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("CC_O_20241108_000266_R22_S00.fits", None),
        ("2024110800266-R22-S00-det000.fits", None),
        ("20241108000266-R22-S00-det000.fits", None),
        ("anything.fits", None),
        (
            "CC_O_20241108_000267_R22_S00.fits",
            "name says CC_O_20241108_000267",
        ),
        ("CC_O_20241108_000266_R22_S01.fits", "says R22_S01; the header says R22_S00"),
        ("20241108000267-R22-S00-det000.fits", "says exposure 20241108000267"),
    ],
)
def test_a_files_name_is_compared_and_not_believed(tmp_path, name, message):
    hdu = fits.PrimaryHDU()
    for keyword, value in ON_SKY.items():
        hdu.header[keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"] = value
    hdu.writeto(tmp_path / name)

    exposure = read_exposure(tmp_path / name)
    assert exposure.id == 2024110800266
    if message is None:
        assert exposure.problems == ()
    else:
        (problem,) = exposure.problems
        assert message in problem
