"""Tiles that are on their way with a page of pixels."""

import pytest

from reports.templatetags.report_parts import first_tiles


def source(name):
    shapes = [(4072, 4000), (2036, 2000), (1018, 1000), (509, 500), (255, 250)]
    levels = [{"shape": shape} for shape in shapes]
    index = {"tile": 256, "levels": levels}
    return {"index": index, "tile": f"/{name}/LEVEL/ROW/COLUMN"}


CONFIG = {"candidate": source("new"), "current": source("old")}
WHOLE = ["4/0/0", "3/0/0", "3/0/1", "3/1/0", "3/1/1"]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, ["new"]),
        ({"mode": "current"}, ["old"]),
        ({"mode": "difference"}, ["new", "old"]),
        ({"mode": "no such mode"}, ["new"]),
        ({"mode": "difference", "zoom": "8"}, []),
        ({"amplifier": "C05"}, []),
    ],
)
def test_a_whole_image_begins_with_what_a_screen_shows_of_it(asked, names):
    expected = [f"/{name}/{place}" for name in names for place in WHOLE]
    assert first_tiles(CONFIG, asked) == expected


def test_an_image_alone_and_a_small_one_ask_for_no_more_than_there_is():
    small = source("new")
    small["index"]["levels"] = [{"shape": (100, 100)}]
    alone = {"candidate": small, "current": None}
    assert first_tiles(alone, {"mode": "difference"}) == ["/new/0/0/0"]
