"""What webhooks may be, and what is sent to them: plain functions."""

import pytest

from taxicab.core.domain.notices import (
    RETRY_AFTER_S,
    NoticeEvent,
    retry_after_s,
    webhook_body,
    webhook_problem,
)

PUBLIC = ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"]

NOTICE = {
    "event": "hailed",
    "subject": ("taxicab", "TAXICAB-1"),
    "text": "R&D: <b> is hailed",
    "url": "https://portal.example.org/taxicab/TAXICAB-1/",
    "at": "2026-11-24T22:00:00+00:00",
}


def test_json_form():
    assert webhook_body("json", **NOTICE) == {
        "event": "hailed",
        "subject": {"kind": "taxicab", "key": "TAXICAB-1"},
        "text": "R&D: <b> is hailed",
        "url": "https://portal.example.org/taxicab/TAXICAB-1/",
        "at": "2026-11-24T22:00:00+00:00",
    }


def test_slack_form_escapes_what_people_wrote():
    assert webhook_body("slack", **NOTICE) == {
        "text": "R&amp;D: &lt;b&gt; is hailed "
        "<https://portal.example.org/taxicab/TAXICAB-1/|TAXICAB-1>"
    }


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "begins with https://"),
        ("hooks.example.org/x", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("gopher://example.org/", "begins with https://"),
        ("https://", "names no host"),
        ("https://name:secret@example.org/", "name or password"),
        ("https://example.org:0/", "no port 0"),
        ("https://example.org:99999/", "no address"),
        ("https://[::1", "no address"),
    ],
)
def test_addresses_that_are_none(url, said):
    assert said in webhook_problem(url, PUBLIC)
    assert said in webhook_problem(url, PUBLIC, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "::1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",  # where clouds keep their secrets
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "not an address",
    ],
)
def test_addresses_inside(address):
    url = "https://hooks.example.org/secret"
    assert "TAXICAB_WEBHOOK_PRIVATE=1" in webhook_problem(url, [*PUBLIC, address])
    assert webhook_problem(url, [address], allow_private=True) == ""


def test_public_addresses():
    assert webhook_problem("https://hooks.example.org/x?y=1", PUBLIC) == ""
    assert webhook_problem("http://hooks.example.org:8080/", PUBLIC) == ""


def test_waits_grow_and_end():
    waits = [retry_after_s(attempts) for attempts in range(1, 8)]
    assert waits == [*RETRY_AFTER_S, None, None]
    assert list(RETRY_AFTER_S) == sorted(RETRY_AFTER_S)


def test_every_event_has_its_words():
    assert all(event.label for event in NoticeEvent)
