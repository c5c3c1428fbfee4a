"""Settings from environment variables: what is wrong is said at the start."""

import pytest

from taxicab.environment import database_from_url, positive


def test_numbers_are_whole_and_positive(monkeypatch):
    assert positive("TAXICAB_N", default=2) == 2
    monkeypatch.setenv("TAXICAB_N", "3")
    assert positive("TAXICAB_N", default=2) == 3


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5"])
def test_other_numbers_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("TAXICAB_N", text)
    with pytest.raises(ValueError, match="TAXICAB_N"):
        positive("TAXICAB_N", default=2)


def test_only_postgresql_is_an_address(tmp_path):
    found = database_from_url("postgresql://a:b%40c@host:5433/p", sqlite_path=tmp_path)
    assert (found["PASSWORD"], found["PORT"], found["NAME"]) == ("b@c", "5433", "p")
    with pytest.raises(ValueError, match="mysql"):
        database_from_url("mysql://x/y", sqlite_path=tmp_path)
