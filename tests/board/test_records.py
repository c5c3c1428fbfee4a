"""Decision records: complete, frozen, signed, and checked without the portal."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from taxicab.board import services
from taxicab.board.models import DecisionRecord
from taxicab.board.services import meetings
from taxicab.board.services.objections import withdraw_objection
from taxicab.board.services.records import document_of, find_record, sign_records
from taxicab.board.triggers import remove_triggers
from taxicab.core.domain.canonical import sha256_of
from taxicab.core.domain.signatures import (
    find_addendum_faults,
    find_signature_faults,
    read_public_key,
    sign,
)
from taxicab.core.models import AuditEvent
from taxicab.core.services.keys import find_key, make_key, public_key_pem
from taxicab.errors import NotFoundError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def key_file(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "signing_key.pem"
    return settings.SIGNING_KEY_FILE


@pytest.fixture
def key(key_file):
    make_key()
    return find_key()


def adopt(ticket, members):
    for member in members:
        services.take_position(ticket, kind="adopt", comment="Good.", by=member)
    return services.adopt(ticket, by=members[0], reason="Agreed.")


def faults(document):
    return find_signature_faults(document, read_public_key(public_key_pem()))


def test_what_is_frozen(key, hailed, members, observer):
    meeting = meetings.schedule_meetings()
    meetings.remark(meeting, by=observer, text="Is it cold?", ticket=hailed)
    objection = services.raise_objection(hailed, reason="Too noisy.", by=members[1])
    withdraw_objection(objection, by=members[1], reason="It was the cable.")
    adopt(hailed, members)
    frozen = find_record(hailed)
    record = frozen.record
    assert record["ticket"]["key"] == hailed.key
    assert record["decision"] == {
        "outcome": "adopted",
        "by": "ines",
        "at": record["decision"]["at"],
        "reason": "Agreed.",
    }
    assert record["consensus"]["is_reached"]
    assert record["evidence"]["sha256"] == hailed.report.sha256
    assert record["evidence"]["generations"] == hailed.report.generation_collections
    held = {one["member"]: one["kind"] for one in record["positions"]}
    assert held == {"ines": "adopt", "tomas": "adopt"}
    (raised,) = record["objections"]
    assert (raised["status"], raised["ending"]) == ("withdrawn", "It was the cable.")
    assert record["meeting"]["day"] == f"{meeting.day:%Y-%m-%d}"
    assert record["meeting"]["remarks"][0]["text"] == "Is it cold?"
    actions = [event["action"] for event in record["audit"]["events"]]
    assert actions[0] == "hailed"
    assert actions[-1] == "stage → adopted"
    head = record["audit"]["head"]["sha256"]
    assert AuditEvent.objects.filter(sha256=head).exists()
    assert faults(document_of(frozen)) == []


def test_parts_of_the_evidence(key, hailed, members):
    parts = list(hailed.report.parts.all())
    hailed.report.parts.update(criteria_version="2026.2")
    adopt(hailed, members)
    evidence = find_record(hailed).record["evidence"]
    assert evidence["limits"] == ["2026.2"]
    assert evidence["parts"] == [
        {
            "key": part.key,
            "calib_type": part.calib_type,
            "physical_filter": part.physical_filter,
            "limits": "2026.2",
            "sha256": part.sha256,
        }
        for part in parts
    ]
    assert len(parts) == 1


def test_rejections_are_frozen_too(key, hailed, members):
    services.reject(hailed, by=members[0], reason="Noise.")
    record = find_record(hailed).record
    assert record["decision"]["outcome"] == "rejected"
    assert not record["consensus"]["is_reached"]
    assert faults(document_of(find_record(hailed))) == []


def test_what_is_undecided_has_no_record(key, hailed):
    with pytest.raises(NotFoundError, match="is hailed and has no decision record"):
        find_record(hailed)
    services.withdraw(hailed, by=hailed.hailed_by, reason="Not yet.")
    assert not DecisionRecord.objects.exists()


def test_what_happens_later_changes_nothing(key, hailed, members):
    adopt(hailed, members)
    before = document_of(find_record(hailed))
    hailed.summary = "Otherwise."
    hailed.save()
    members[0].username = "renamed"
    members[0].save()
    assert document_of(find_record(hailed)) == before


def hold_meeting(hailed, members, observer, clock):
    """Decide at a meeting, say something after that, and close it."""
    meeting = meetings.schedule_meetings()
    clock(meeting.starts_at + timedelta(minutes=5))
    adopt(hailed, members)
    before = document_of(find_record(hailed))
    meetings.remark(meeting, by=observer, text="Deploy it today.", ticket=hailed)
    meetings.close_meeting(meeting, by=members[0])
    return meeting, before


@pytest.fixture
def clock(monkeypatch):
    return lambda moment: monkeypatch.setattr(timezone, "now", lambda: moment)


def test_minutes_closed_later_are_added_and_signed(
    key, hailed, members, observer, clock, tmp_path
):
    meeting, before = hold_meeting(hailed, members, observer, clock)
    assert before["addenda"] == []
    assert before["record"]["meeting"]["closed_at"] == ""
    document = document_of(find_record(hailed))
    # The record itself is what it was.
    assert document | {"addenda": []} == before
    (addendum,) = document["addenda"]
    minutes = addendum["record"]["meeting"]
    assert addendum["record"]["record_sha256"] == before["sha256"]
    assert minutes["remarks"][0]["text"] == "Deploy it today."
    assert (minutes["closed_by"], minutes["decided"]) == ("ines", [hailed.key])
    public = read_public_key(public_key_pem())
    assert find_addendum_faults(document, public) == []
    said = "minutes added to the decision record"
    assert AuditEvent.objects.get(action=said).after == addendum["sha256"]

    # One command checks both; each alteration is found.
    record, pem = tmp_path / "record.json", tmp_path / "public.pem"
    pem.write_bytes(public_key_pem())
    out = StringIO()
    record.write_text(json.dumps(document))
    call_command("verify_record", str(record), public_key=pem, stdout=out)
    assert f"The minutes of {meeting.day} were open when it was decided" in (
        out.getvalue()
    )
    assert "genuine too" in out.getvalue()
    out = StringIO()
    record.write_text(json.dumps(document | {"addenda": []}))
    call_command("verify_record", str(record), public_key=pem, stdout=out)
    assert "download the record again" in out.getvalue()
    altered = json.dumps(document).replace("Deploy it today", "Do not deploy it")
    for bad in (altered, json.dumps(document | {"addenda": {"x": 1}})):
        record.write_text(bad)
        with pytest.raises(CommandError, match="not a genuine record"):
            call_command(
                "verify_record", str(record), public_key=pem, stderr=StringIO()
            )


def test_an_addendum_of_another_record_is_found(key, hailed, members, observer, clock):
    hold_meeting(hailed, members, observer, clock)
    document = document_of(find_record(hailed))
    other = dict(document["addenda"][0]["record"], record_sha256="0" * 64)
    signed = {
        "record": other,
        "sha256": sha256_of(other),
        "signature": sign(other, key),
    }
    faults = find_addendum_faults(
        document | {"addenda": [signed]}, read_public_key(public_key_pem())
    )
    assert faults == ["Addendum 1: It belongs to another record."]


def test_a_decision_outside_its_meeting_has_nothing_to_add(
    key, hailed, members, observer, clock
):
    adopt(hailed, members)
    meeting = meetings.schedule_meetings()
    clock(meeting.starts_at + timedelta(minutes=5))
    meetings.remark(meeting, by=observer, text="Nothing to decide.")
    meetings.close_meeting(meeting, by=members[0])
    assert document_of(find_record(hailed))["addenda"] == []


def test_minutes_are_signed_once_there_is_a_key(
    key_file, hailed, members, observer, clock
):
    hold_meeting(hailed, members, observer, clock)
    call_command("make_signing_key", stdout=StringIO(), stderr=StringIO())
    document = document_of(find_record(hailed))
    assert faults(document) == []
    assert find_addendum_faults(document, read_public_key(public_key_pem())) == []


def test_a_record_altered_in_the_database_is_found(key, hailed, members):
    adopt(hailed, members)
    # As its owner can; the triggers are back when the test's transaction is.
    remove_triggers(None, connection.schema_editor())
    frozen = find_record(hailed)
    frozen.content = frozen.content.replace("Agreed.", "Well, no.")
    frozen.save()
    assert "was altered" in faults(document_of(find_record(hailed)))[0]


@pytest.mark.parametrize("problem", ["missing", "open to others"])
def test_the_decision_stands_without_a_key(key_file, hailed, members, problem):
    if problem != "missing":
        make_key()
        key_file.chmod(0o644)
    adopt(hailed, members)
    assert find_record(hailed).signature == ""
    key_file.unlink(missing_ok=True)
    out, err = StringIO(), StringIO()
    call_command("make_signing_key", stdout=out, stderr=err)
    assert out.getvalue().startswith("-----BEGIN PUBLIC KEY-----")
    assert "signed 1" in err.getvalue()
    assert faults(document_of(find_record(hailed))) == []
    assert sign_records() == 0


@pytest.fixture
def files(key, hailed, members, tmp_path):
    adopt(hailed, members)
    record, public = tmp_path / "record.json", tmp_path / "public.pem"
    record.write_text(json.dumps(document_of(find_record(hailed)), indent=1))
    public.write_bytes(public_key_pem())
    return record, public


def test_verify_record(files):
    record, public = files
    out = StringIO()
    call_command("verify_record", str(record), public_key=public, stdout=out)
    assert "Genuine: TAXICAB-1 was adopted by ines" in out.getvalue()
    record.write_text(record.read_text().replace("Agreed.", "Agreed!"))
    err = StringIO()
    with pytest.raises(CommandError, match="is not a genuine record"):
        call_command("verify_record", str(record), public_key=public, stderr=err)
    assert "was altered" in err.getvalue()


@pytest.mark.parametrize("content", ["", "[]", "{", '{"record": 1}'])
def test_verify_record_on_something_else(files, content):
    record, public = files
    record.write_text(content)
    with pytest.raises(CommandError):
        call_command("verify_record", str(record), public_key=public, stderr=StringIO())


def test_verify_record_needs_no_database(files, tmp_path):
    """As a program of its own, on a machine where there is no portal."""
    record, public = files
    environment = os.environ | {
        "TAXICAB_DATA": str(tmp_path / "nothing"),
        "TAXICAB_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "TAXICAB_DEBUG": "0",
    }
    command = [sys.executable, "manage.py", "verify_record", str(record)]
    command += ["--public-key", str(public)]
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("Genuine: TAXICAB-1")
    record.write_text(record.read_text().replace("adopted", "rejected"))
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "was altered" in ended.stderr
    assert not (tmp_path / "nothing").exists()
