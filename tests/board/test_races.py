"""Two people at once, on SQLite and on PostgreSQL; and the triggers on the latter."""

from pathlib import Path

from tests.support.races import ROOT, race, run_python


def test_two_people_at_once(database_url, tmp_path):
    outcome = race("board_races", tmp_path, database_url)
    for endings, recorded, stage in outcome["adoptions"]:
        assert (endings, recorded, stage) == (["conflict", "done"], 1, "adopted")
    for endings, objections, stage in outcome["objections"]:
        assert endings == ["conflict", "done"]
        assert (objections, stage) in {(0, "adopted"), (1, "hailed")}


def test_triggers_on_postgresql(postgresql, tmp_path):
    triggers = Path(__file__).with_name("test_triggers.py").relative_to(ROOT)
    printed = run_python(["-m", "pytest", "-q", str(triggers)], tmp_path, postgresql)
    assert "9 passed" in printed
