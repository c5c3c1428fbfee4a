"""Which certified calibrations of a ticket rest on an older one, and on what."""

from collections.abc import Iterable
from datetime import datetime

from django.utils import timezone

from calibrations.domain.consequences import Built, Consequence, find_consequences
from calibrations.domain.graph import Held, find_graph, specification
from calibrations.domain.names import certified_name
from calibrations.domain.validity import ValidityRange
from calibrations.models import (
    Certification,
    ConstructionTicket,
    Generation,
    StepStatus,
)
from calibrations.services.chains import superseded

__all__ = ["consequences_of", "ticket_consequences"]


def ticket_consequences(
    ticket: ConstructionTicket, certifications: Iterable[Certification] | None = None
) -> list[Consequence]:
    """List what of a ticket is to be rebuilt now, in the order of construction.

    Parameters
    ----------
    certifications
        The ticket's, where they were read already, with their generations.
    """
    built = _certified(ticket, certifications)
    return find_consequences(find_graph(ticket.graph), built)


def consequences_of(
    generation: Generation, valid: ValidityRange | None = None
) -> list[Consequence]:
    """List what would rest on an older one if a generation were certified now."""
    ticket = generation.ticket
    candidate = _built(
        generation,
        collection=certified_name(
            ticket.instrument_id,
            ticket.key,
            ticket.tag,
            generation.calib_type,
            generation.rerun,
            generation.band or None,
        ),
        certified_at=timezone.now(),
        valid=valid or ValidityRange(None, None),
    )
    before = _certified(ticket, None)
    found = find_consequences(find_graph(ticket.graph), [*before, candidate])
    return [one for one in found if one.newer is candidate]


def _certified(
    ticket: ConstructionTicket, certifications: Iterable[Certification] | None
) -> list[Built]:
    if certifications is None:
        certifications = ticket.certifications.select_related("generation")
    done = [one for one in certifications if one.status == StepStatus.SUCCEEDED]
    gone = superseded(done)
    return [
        _built(
            one.generation,
            collection=one.collection,
            certified_at=one.ended_at or one.created_at,
            valid=ValidityRange(one.begin_tai or None, one.end_tai or None),
        )
        for one in done
        if one.collection not in gone
    ]


def _built(
    generation: Generation,
    *,
    collection: str,
    certified_at: datetime,
    valid: ValidityRange,
) -> Built:
    type_ = specification(generation.calib_type).type
    return Built(
        held=Held(type_, generation.physical_filter),
        label=generation.label,
        collection=collection,
        made_at=generation.created_at,
        certified_at=certified_at,
        valid=valid,
        rests_on=generation.precursors,
    )
