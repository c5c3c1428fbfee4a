import pytest

from calibrations.domain.validity import ValidityError, ValidityRange, parse_tai


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-09-15", "2022-09-15T00:00:00"),
        ("2022-09-15T12:30", "2022-09-15T12:30:00"),
        (" 2022-09-15 12:30:15 ", "2022-09-15T12:30:15"),
        ("2022-09-15T12:30:15.250", "2022-09-15T12:30:15.25"),
        ("1970-01-01", "1970-01-01T00:00:00"),
    ],
)
def test_dates_are_spelled_one_way(text, expected):
    assert parse_tai(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "15.9.2022",
        "20220915",
        "2022-9-15",
        "2022-02-30",
        "2022-13-01",
        "2022-09-15T25:00:00",
        "2022-09-15T12:00:00Z",
        "2022-09-15T12:00:00+00:00",
        "2016-12-31T23:59:60",
    ],
)
def test_other_dates_are_refused(text):
    with pytest.raises(ValidityError):
        parse_tai(text)


def test_a_range_ends_after_it_begins():
    with pytest.raises(ValidityError, match="the end must come later"):
        ValidityRange.parse("2022-09-15", "2022-09-15")
    with pytest.raises(ValidityError):
        ValidityRange.parse("2022-09-15", "2022-06-01")


JUNE = ValidityRange.parse("2022-06-01", "2022-07-01")


@pytest.mark.parametrize(
    ("begin", "end", "overlaps"),
    [
        ("2022-06-10", "2022-06-20", True),
        ("2022-05-01", "2022-06-02", True),
        ("2022-06-30", None, True),
        ("2022-01-01", None, True),
        ("2022-07-01", None, False),
        ("2022-05-01", "2022-06-01", False),
        ("2022-08-01", "2022-09-01", False),
        ("2022-06-30T23:59:59.999999999", None, True),
    ],
)
def test_half_open_ranges_overlap_or_only_touch(begin, end, overlaps):
    other = ValidityRange.parse(begin, end)
    assert JUNE.overlaps(other) is overlaps
    assert other.overlaps(JUNE) is overlaps


def test_open_ranges_overlap():
    assert ValidityRange(None, None).overlaps(JUNE)
    assert ValidityRange(None, "2022-06-02T00:00:00").overlaps(JUNE)
    assert not ValidityRange(None, "2022-06-01T00:00:00").overlaps(JUNE)


@pytest.mark.parametrize(
    ("instant", "inside"),
    [
        ("2022-06-01", True),
        ("2022-06-30T23:59:59", True),
        ("2022-07-01", False),
        ("2022-05-31T23:59:59.9", False),
    ],
)
def test_the_end_is_not_in_the_range(instant, inside):
    assert JUNE.contains(instant) is inside


def test_ranges_read_as_words():
    assert str(JUNE) == "from 2022-06-01T00:00:00 until 2022-07-01T00:00:00 TAI"
    assert str(ValidityRange.parse("2022-06-01")) == "from 2022-06-01T00:00:00 TAI on"
    assert str(ValidityRange.parse("2022-06-01", " ")) == str(
        ValidityRange.parse("2022-06-01", None)
    )
    assert str(ValidityRange(None, None)) == "always"
