"""What needs either kind of database: two people at once, triggers, migrations."""

from pathlib import Path

from tests.support.races import ROOT, race, run_python


def test_two_people_at_once(database_url, tmp_path):
    outcome = race("board_races", tmp_path, database_url)
    for endings, recorded, stage in outcome["adoptions"]:
        assert (endings, recorded, stage) == (["conflict", "done"], 1, "adopted")
    for endings, objections, stage in outcome["objections"]:
        assert endings == ["conflict", "done"]
        assert (objections, stage) in {(0, "adopted"), (1, "hailed")}
    for endings, was_open, decided, key in outcome["minutes"]:
        assert (endings, was_open, decided) == (["done", "done"], True, [[key]])


def test_triggers_on_postgresql(postgresql, tmp_path):
    triggers = Path(__file__).with_name("test_triggers.py").relative_to(ROOT)
    printed = run_python(["-m", "pytest", "-q", str(triggers)], tmp_path, postgresql)
    assert "23 passed" in printed


def test_rows_of_an_earlier_portal(database_url, tmp_path):
    found = race("board_migration", tmp_path, database_url)
    assert found["objections"] == [
        ["2026-11-24", "Agreed."],
        ["", "Agreed. (At the meeting of 2026-11-17.)"],
        ["", "Agreed."],
    ]
    # They hold up to what was waived: these are the terms that were agreed to.
    assert found["waivers"] == [[None, None, []], [9.1, 9.1, []]]
    assert found["is_kept"]
