"""At the same moment, on SQLite and on PostgreSQL."""

from tests.support.races import race


def test_two_start_and_all_end_at_once(database_url, tmp_path):
    outcome = race("deployment_races", tmp_path, database_url)
    for endings, jobs in outcome["starts"]:
        assert (endings, jobs) == (["conflict", "done"], 3)
    for endings, stage, recorded, rose in outcome["ends"]:
        assert (endings, stage, recorded) == (["done"] * 3, "deployed", 1)
        # Three steps begin and three end, and clients see each.
        assert rose == 6
