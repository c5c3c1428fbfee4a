"""How often pages ask the database: every query costs about a millisecond to write.

The ceilings are what the pages need today and two more. What is added to a page reads
its rows together with others, not one by one.
"""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from taxicab.board import services as board
from taxicab.board.services import discussion
from tests.support import evidence, pages

REPORT = "/reports/DM-100/1"
TICKET = "/taxicab/TAXICAB-1"
PLACE = "?test=bias/AMP.NOISE"

OF_A_REPORT = {
    f"{REPORT}/": 17,
    f"{REPORT}/?rows=all": 17,
    f"{REPORT}/clusters/bias/AMP/NOISE/?detector=4&amplifier=C05": 18,
    f"{REPORT}/types/bias/": 14,
    f"{REPORT}/provenance/": 14,
    f"{REPORT}/plane/{PLACE}": 14,
    f"{REPORT}/plane/values.json{PLACE}": 7,
    f"{REPORT}/detectors/R22_S11/{PLACE}": 14,
    f"{REPORT}/detectors/R22_S11/C05/{PLACE}": 14,
    f"{REPORT}/figures/": 16,
    f"{REPORT}/consequence/": 16,
}
OF_THE_BOARD = {
    f"{TICKET}/": 36,
    f"{TICKET}/live/": 23,
    "/taxicab/": 16,
    "/taxicab/meetings/": 13,
    "/deployments/tracking/": 22,
}
OF_THE_PORTAL = {
    "/": 48,
    "/reports/": 13,
    "/construction/": 24,
    "/construction/DM-100/": 36,
    "/jobs/": 14,
    "/notices/": 14,
}


@pytest.fixture
def room(construction, seal, scientist, members, settings, tmp_path):
    """A set before the board, whose report has its files; some spoke already."""
    settings.WORK_ROOT = tmp_path / "work"
    report = seal(construction, ("bias", evidence.EXPOSURES[:3]))
    made = board.hail(construction, report=report, by=scientist)
    board.take_position(made, kind="abstain", by=members[0])
    for i in range(12):
        discussion.start(made, by=members[i % 2], text=f"Remark {i}.")
    return made


@pytest.mark.parametrize("ceilings", [OF_A_REPORT, OF_THE_BOARD, OF_THE_PORTAL])
def test_pages_ask_the_database_seldom(ceilings, room, members):
    browser = pages.visitor(members[1])
    over = {}
    for address, ceiling in ceilings.items():
        with CaptureQueriesContext(connection) as queries:
            answer = browser.get(address)
        assert answer.status_code == 200, address
        if len(queries) > ceiling:
            over[address] = len(queries)
    assert not over


def test_roles_are_read_once_a_page_and_anew_with_each_change(
    room, members, instrument
):
    browser = pages.visitor(members[1])
    with CaptureQueriesContext(connection) as queries:
        browser.get(f"{TICKET}/")
    of_one = [q for q in queries.captured_queries if _reads_roles(q["sql"])]
    assert len(of_one) == 1
    # What a page held is not held for the next one.
    members[1].role_grants.all().delete()
    assert browser.get(f"{TICKET}/").status_code == 404
    assert browser.post(f"{TICKET}/position/", {"kind": "adopt"}).status_code == 404


def _reads_roles(sql):
    return sql.startswith('SELECT "core_rolegrant"."role"')
