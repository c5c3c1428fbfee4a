"""Which certified calibrations rest on an older one than a ticket has, and on what.

The portal's record says what each was made with. Of the default chain it knows what
tickets made that the board adopted; of curated calibrations, that others rest on them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.utils import timezone

from calibrations.domain.consequences import Built, Consequence, find_consequences
from calibrations.domain.graph import Held, find_graph, specification
from calibrations.domain.names import certified_name
from calibrations.domain.validity import ValidityRange
from calibrations.models import (
    Certification,
    ConstructionStage,
    ConstructionTicket,
    Generation,
    StepStatus,
)
from calibrations.services.chains import superseded

__all__ = ["AdoptedSets", "adopted_sets", "consequences_of", "ticket_consequences"]

OPEN = {ConstructionStage.BUILDING, ConstructionStage.HAILED}
Place = tuple[str, int]
"""A camera and the repository that it is built at."""
AdoptedSets = Mapping[Place, Sequence[Built]]


def ticket_consequences(
    ticket: ConstructionTicket,
    certifications: Iterable[Certification] | None = None,
    adopted: AdoptedSets | None = None,
) -> list[Consequence]:
    """List what is to be rebuilt for a ticket now, in the order of construction.

    That is what it certified itself, and what it leaves behind of the adopted sets.

    Parameters
    ----------
    certifications
        The ticket's, where they were read already, with their generations.
    adopted
        What `adopted_sets` gives, where it was read for several tickets.
    """
    if adopted is None:
        adopted = adopted_sets([ticket])
    built = [*_certified(ticket, certifications), *_beside(ticket, adopted)]
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
    before = [*_certified(ticket, None), *_beside(ticket, adopted_sets([ticket]))]
    found = find_consequences(find_graph(ticket.graph), [*before, candidate])
    return [one for one in found if one.newer is candidate]


def adopted_sets(tickets: Iterable[ConstructionTicket]) -> AdoptedSets:
    """Read what the default chains of open tickets have of others, by place.

    It is found there since the board's decision, whenever it was certified.
    """
    places = {_place(ticket) for ticket in tickets if ticket.stage in OPEN}
    if not places:
        return {}
    rows = (
        Certification.objects.filter(
            status=StepStatus.SUCCEEDED,
            ticket__stage=ConstructionStage.REVIEWED,
            ticket__instrument__in={instrument for instrument, _ in places},
            ticket__repository__in={repository for _, repository in places},
        )
        .select_related("generation", "ticket")
        .prefetch_related("ticket__taxicab_tickets")
    )
    by_ticket: dict[ConstructionTicket, list[Certification]] = defaultdict(list)
    for row in rows:
        by_ticket[row.ticket].append(row)
    found: dict[Place, list[Built]] = defaultdict(list)
    for ticket, certifications in by_ticket.items():
        decided = _decided_at(ticket)
        found[_place(ticket)] += [
            replace(one, certified_at=decided or one.certified_at, is_adopted=True)
            for one in _certified(ticket, certifications)
        ]
    return found


def _beside(ticket: ConstructionTicket, adopted: AdoptedSets) -> Sequence[Built]:
    """Pick what an open ticket finds beside its own; others' time is over."""
    return adopted.get(_place(ticket), ()) if ticket.stage in OPEN else ()


def _place(ticket: ConstructionTicket) -> Place:
    return ticket.instrument_id, ticket.repository_id


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


def _decided_at(ticket: ConstructionTicket) -> datetime | None:
    """Tell when the board decided; its ticket is reached by the relation alone."""
    times = [one.decided_at for one in ticket.taxicab_tickets.all() if one.decided_at]
    return max(times, default=None)


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
