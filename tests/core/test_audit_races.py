"""The audit log under several writers, on SQLite and on PostgreSQL."""

from pathlib import Path

from tests.support.races import ROOT, race, run_python


def test_several_writers_make_one_chain(database_url, tmp_path):
    outcome = race("audit_races", tmp_path, database_url)
    assert outcome["failures"] == []
    assert outcome["faults"] == []
    assert outcome["written"] == outcome["expected"]
    assert outcome["chained"]


def test_audit_log_on_postgresql(postgresql, tmp_path):
    audit = Path(__file__).with_name("test_audit.py").relative_to(ROOT)
    printed = run_python(["-m", "pytest", "-q", str(audit)], tmp_path, postgresql)
    assert " passed" in printed
