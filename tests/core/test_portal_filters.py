"""What pages say of states, times and numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from taxicab.core.templatetags import portal


@pytest.mark.parametrize(
    ("word", "look", "mark"),
    [
        ("succeeded", "state-passed", "✓"),
        ("failed", "state-failed", "✕"),
        ("object", "state-failed", "✕"),
        ("warning", "state-waived", "◐"),
        ("running", "state-running", "●"),
        ("hailed", "state-waiting", "○"),
        ("stale", "state-stale", "↻"),
        ("never heard of", "state-unknown", "–"),
    ],
)
def test_a_state_is_a_mark_a_word_and_a_colour(word, look, mark):
    shown = portal.state(word)
    assert look in shown
    assert mark in shown
    assert word in shown


def test_states_escape_what_they_show():
    assert "<b>" not in portal.state("<b>")


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (timedelta(seconds=1), "just now"),
        (timedelta(seconds=42), "42 s ago"),
        (timedelta(minutes=3), "3 min ago"),
        (timedelta(hours=30), "30 h ago"),
        (timedelta(days=3), "3 d ago"),
        (-timedelta(hours=2, seconds=9), "in 2 h"),
    ],
)
def test_ages(elapsed, said):
    assert portal.ago(timezone.now() - elapsed) == said


def test_times_say_their_scale():
    moment = datetime(2026, 11, 9, 12, 5, tzinfo=UTC)
    assert portal.utc(moment) == "2026-11-09 12:05 UTC"
    assert portal.utc("2026-11-09T13:05:00+01:00") == "2026-11-09 12:05 UTC"
    assert portal.utc(None) == "–"
    assert portal.tai("2026-11-09T12:00:00") == "2026-11-09 12:00:00 TAI"
    assert portal.tai("") == "open"


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (8.98123, "electron", "8.981 e⁻"),
        (0.00001234, "electron/s", "1.234e\N{MINUS SIGN}05 e⁻/s"),
        (1234567, "", "1,234,567"),
        (3.0, "1", "3"),
        (None, "s", "–"),
        (float("nan"), "s", "–"),
    ],
)
def test_numbers_carry_their_unit(value, unit, said):
    assert portal.number(value, unit) == said


@pytest.mark.parametrize(
    ("value", "limit", "sense", "said"),
    [
        (9.1, 8.98, "<", "1 % over"),
        (4.49, 8.98, "<", "50 % within"),
        (90.0, 100.0, ">=", "10 % under the least"),
        (None, 1.0, "<", "not measured"),
        (0.5, 0.0, "<", "0.5 from 0"),
    ],
)
def test_margins_are_said_in_words(value, limit, sense, said):
    assert portal.margin(value, limit, sense) == said


def test_paths_break_after_their_slashes():
    assert portal.breakable("/repo/<x>") == "/<wbr>repo/<wbr>&lt;x&gt;"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("bias", "bias"),
        ("dark_for_defects", "dark_<wbr>for_<wbr>defects"),
        ("biasBootstrap", "bias<wbr>Bootstrap"),
        ("<b>", "&lt;b&gt;"),
        ("", ""),
    ],
)
def test_a_name_may_break_between_its_words(name, shown):
    assert portal.breakable_name(name) == shown
