"""Freezing a decision with all that it rested on, and signing it."""

import logging
import math
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from reports.services.consequence import summarise_consequence
from taxicab.board.domain import Cover
from taxicab.board.models import (
    DecisionAddendum,
    DecisionRecord,
    Meeting,
    Message,
    TaxicabTicket,
    Waiver,
)
from taxicab.board.services.consensus import Deliberation, PositionView, deliberation_of
from taxicab.board.services.hailing import subject_of
from taxicab.board.services.minutes import write_minutes
from taxicab.core.domain.canonical import canonical_json, sha256_of
from taxicab.core.domain.signatures import ALGORITHM, sign
from taxicab.core.models import AuditEvent
from taxicab.core.services.audit import audit_head, record
from taxicab.core.services.keys import find_key
from taxicab.errors import ConflictError, NotFoundError

__all__ = [
    "add_minutes",
    "document_of",
    "find_record",
    "freeze_record",
    "minutes_were_open",
    "sign_records",
]

logger = logging.getLogger(__name__)

FORMAT = "taxicab-decision-record/1"


ADDENDUM_FORMAT = "taxicab-decision-addendum/1"


def freeze_record(ticket: TaxicabTicket) -> DecisionRecord:
    """Freeze a decision in its own transaction; signed where there is a key.

    The head of the audit log at that moment is part of it, so that a record that was
    handed out proves later that the log is still the same.
    """
    content = _plain(_content(ticket))
    frozen = DecisionRecord(
        ticket=ticket, content=canonical_json(content), sha256=sha256_of(content)
    )
    _sign(frozen)
    frozen.save(force_insert=True)
    record(
        by=None,
        subject=subject_of(ticket),
        action="decision record frozen",
        after=frozen.sha256,
        key_id=frozen.key_id,
    )
    return frozen


def add_minutes(meeting: Meeting, minutes: dict[str, Any]) -> None:
    """Freeze a meeting's minutes beside the decisions that were taken before its end.

    Such a record has the minutes as they were at the decision; what was said and who
    was there until the meeting was closed is added, signed, and names the record.
    """
    decided = DecisionRecord.objects.filter(ticket__agenda_items__meeting=meeting)
    for frozen in decided.select_related("ticket"):
        if not _is_open_in(frozen, minutes["day"]):
            continue
        content = _plain(
            {
                "format": ADDENDUM_FORMAT,
                "ticket": frozen.ticket.key,
                "record_sha256": frozen.sha256,
                "meeting": _meeting(minutes, frozen.ticket),
            }
        )
        addendum = DecisionAddendum(
            decision=frozen,
            meeting=meeting,
            content=canonical_json(content),
            sha256=sha256_of(content),
        )
        _sign(addendum)
        addendum.save(force_insert=True)
        record(
            by=None,
            subject=subject_of(frozen.ticket),
            action="minutes added to the decision record",
            after=addendum.sha256,
            key_id=addendum.key_id,
        )


def minutes_were_open(frozen: DecisionRecord) -> bool:
    """Whether a decision was taken before its meeting's minutes were closed."""
    held = frozen.record["meeting"]
    return bool(held) and not held["closed_at"]


def sign_records() -> int:
    """Sign what was frozen before there was a key; returns how many documents."""
    unsigned: list[DecisionRecord | DecisionAddendum] = [
        *DecisionRecord.objects.filter(signature=""),
        *DecisionAddendum.objects.filter(signature=""),
    ]
    for frozen in unsigned:
        _sign(frozen)
        frozen.save(update_fields=["signature", "key_id"])
    return len(unsigned)


def find_record(ticket: TaxicabTicket) -> DecisionRecord:
    """Find the record of a ticket.

    Raises
    ------
    NotFoundError
        Raised for one that is not decided, or was decided before records were kept.
    """
    found = DecisionRecord.objects.filter(ticket=ticket).first()
    if found is None:
        raise NotFoundError(
            f"{ticket.key} is {ticket.stage} and has no decision record: it is frozen "
            "when the board adopts or rejects a set."
        )
    return found


def document_of(frozen: DecisionRecord) -> dict[str, Any]:
    """Give the record as it is handed out, with the minutes that were closed later.

    Each has its content, hash and signature.
    """
    addenda = [_document(one) for one in frozen.addenda.all()]
    return _document(frozen) | {"addenda": addenda}


def _document(frozen: DecisionRecord | DecisionAddendum) -> dict[str, Any]:
    return {
        "record": frozen.record,
        "sha256": frozen.sha256,
        "signature": {
            "algorithm": ALGORITHM,
            "key_id": frozen.key_id,
            "value": frozen.signature,
        },
    }


def _is_open_in(frozen: DecisionRecord, day: str) -> bool:
    held = frozen.record["meeting"]
    return minutes_were_open(frozen) and held["day"] == day


def _sign(frozen: DecisionRecord | DecisionAddendum) -> None:
    try:
        key = find_key()
    except ConflictError as error:  # the decision stands; the operator has to act
        logger.warning("%s is not signed: %s", frozen, error)
        return
    if key is not None:
        made = sign(frozen.record, key)
        frozen.signature, frozen.key_id = made["value"], made["key_id"]


def _content(ticket: TaxicabTicket) -> dict[str, Any]:
    held = deliberation_of(ticket)
    construction = ticket.construction
    meeting = ticket.flagged_for
    head = audit_head()
    return {
        "format": FORMAT,
        "ticket": {
            "key": ticket.key,
            "instrument": construction.instrument_id,
            "summary": ticket.summary,
            "hailed_by": ticket.hailed_by.get_username(),
            "hailed_at": ticket.hailed_at,
        },
        "construction": {
            "key": construction.key,
            "tag": construction.tag,
            "reason": construction.reason,
            "owner": construction.owner.get_username(),
            "authors": [author.get_username() for author in held.authors],
            "certified": list(
                construction.certifications.filter(status="succeeded")
                .order_by("pk")
                .values_list("collection", flat=True)
            ),
        },
        "decision": {
            "outcome": ticket.stage,
            "by": ticket.decided_by.get_username() if ticket.decided_by else "",
            "at": ticket.decided_at,
            "reason": ticket.decision_reason,
        },
        "consensus": {
            "is_reached": held.consensus.is_reached,
            "sentence": held.consensus.sentence,
            "requirements": [asdict(line) for line in held.consensus.requirements],
        },
        "evidence": _evidence(ticket),
        "consequence": summarise_consequence(ticket.report),
        "positions": [_position(view) for view in held.positions],
        "objections": [
            {
                "number": one.pk,
                "about": one.scope,
                "author": one.author.get_username(),
                "reason": one.reason,
                "raised_at": one.raised_at,
                "status": one.status,
                "ended_by": one.ended_by.get_username() if one.ended_by else "",
                "ended_at": one.ended_at,
                "ending": one.ending,
                "meeting": f"{one.meeting.day:%Y-%m-%d}" if one.meeting else "",
            }
            for one in ticket.objections.select_related("author", "ended_by", "meeting")
        ],
        "failures": [_failure(cover) for cover in held.covers],
        "waivers": _waivers(ticket, held),
        "processing": [
            {
                "asked_by": task.asked_by.get_username(),
                "text": task.text,
                "status": task.status,
                "note": task.note,
            }
            for task in ticket.tasks.select_related("asked_by")
        ],
        "discussion": _discussion(ticket),
        "meeting": _meeting(write_minutes(meeting), ticket) if meeting else None,
        "audit": {
            "head": {"number": head.number, "sha256": head.sha256},
            "events": _events(ticket),
        },
    }


def _evidence(ticket: TaxicabTicket) -> dict[str, Any]:
    report = ticket.report
    parts = list(report.parts.all())
    return {
        "report": report.version,
        "sha256": report.sha256,
        "made_by": report.created_by.get_username(),
        "made_at": report.created_at,
        "generations": report.generation_collections,
        "verifications": report.verification_collections,
        "limits": sorted({p.criteria_version for p in parts if p.criteria_version}),
        "counts": report.summary.get("counts", {}),
        "verdict": report.summary.get("verdict", ""),
        "parts": [
            {
                "key": part.key,
                "calib_type": part.calib_type,
                "physical_filter": part.physical_filter,
                "limits": part.criteria_version,
                "sha256": part.sha256,
            }
            for part in parts
        ],
    }


def _position(view: PositionView) -> dict[str, Any]:
    row = view.row
    return {
        "member": row.member.get_username(),
        "kind": row.kind,
        "comment": row.comment,
        "taken_at": row.taken_at,
        "report_sha256": row.report_sha256,
        "parts": row.parts,
        "is_about_all": row.is_about_all,
        "stale": list(view.stale),
        "is_on_board": view.is_on_board,
    }


def _failure(cover: Cover) -> dict[str, Any]:
    return {
        "part": cover.failure.part,
        "what": cover.failure.sentence,
        "value": cover.failure.value,
        "limit": cover.failure.limit,
        "unit": cover.failure.unit,
        "state": cover.state,
        "waiver": cover.waiver.number if cover.waiver else None,
        "sentence": cover.sentence,
    }


def _waivers(ticket: TaxicabTicket, held: Deliberation) -> list[dict[str, Any]]:
    """List the waivers of the ticket, and those of others that cover its failures."""
    used = {cover.waiver.number for cover in held.covers if cover.waiver}
    own = set(ticket.waivers.values_list("pk", flat=True))
    rows = Waiver.objects.filter(pk__in=used | own).order_by("pk")
    return [
        {
            "number": one.pk,
            "ticket": one.ticket.key,
            "scope": one.scope,
            "part_sha256": one.part_sha256,
            "tests": one.tests,
            "value": one.value,
            "holds_to": one.holds_to,
            "limit": one.limit,
            "unit": one.unit,
            "reason": one.reason,
            "effect": one.effect,
            "owner": one.owner.get_username(),
            "expires_on": one.expires_on,
            "written_by": one.written_by.get_username(),
            "written_at": one.written_at,
            "withdrawn_by": one.withdrawn_by.get_username() if one.withdrawn_by else "",
            "withdrawn_why": one.withdrawn_why,
        }
        for one in rows.select_related("ticket", "owner", "written_by", "withdrawn_by")
    ]


def _discussion(ticket: TaxicabTicket) -> list[dict[str, Any]]:
    said = Message.objects.filter(thread__ticket=ticket).order_by("pk")
    return [
        {
            "number": one.pk,
            "about": one.thread.title,
            "by": one.author.get_username(),
            "at": one.written_at,
            "text": one.text,
            "supersedes": one.supersedes_id,
        }
        for one in said.select_related("thread", "author")
    ]


def _meeting(minutes: dict[str, Any], ticket: TaxicabTicket) -> dict[str, Any]:
    """Leave of a meeting what is about one ticket, or about all."""
    about = {"", ticket.key}
    return minutes | {
        "agenda": [one for one in minutes["agenda"] if one["ticket"] == ticket.key],
        "decided": [key for key in minutes["decided"] if key == ticket.key],
        "remarks": [one for one in minutes["remarks"] if one["ticket"] in about],
    }


def _events(ticket: TaxicabTicket) -> list[dict[str, Any]]:
    kind, key = subject_of(ticket)
    rows = AuditEvent.objects.filter(subject_kind=kind, subject_key=key).order_by("pk")
    return [
        {
            "at": event.at,
            "by": event.by,
            "action": event.action,
            "before": event.before,
            "after": event.after,
            "why": event.why,
            "content_sha256": event.content_sha256,
        }
        for event in rows.select_related("user")
    ]


def _plain(value: Any) -> Any:
    """Leave what JSON has: times as ISO 8601, what is not a number as nothing."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
