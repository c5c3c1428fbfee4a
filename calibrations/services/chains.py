"""What a ticket's chain holds, by the portal's own record.

The Butler owns the chain; a request reads this record, because it must not reach into
a repository, and a job reads the Butler before it changes anything.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calibrations.butler.client import ButlerSettings
from calibrations.domain.graph import find_graph, specification
from calibrations.domain.names import curated_name, ticket_chain
from calibrations.models import Certification, ConstructionTicket, StepStatus
from calibrations.services.repositories import butler_settings

__all__ = ["StepInputs", "certified", "chain_of", "step_inputs", "superseded"]


@dataclass(frozen=True)
class StepInputs:
    """Input collections in order of search, and what the ticket's chain has of use."""

    collections: list[str]
    held: list[str]
    """Certified collections of the types that the step needs, newest first."""

    settings: ButlerSettings


def chain_of(ticket: ConstructionTicket) -> str:
    """Name the ticket's chain."""
    return ticket_chain(ticket.instrument_id, ticket.key)


def certified(ticket: ConstructionTicket) -> list[Certification]:
    """List the certifications that hold, newest first.

    A set that the board sent back is replaced type by type as it is rebuilt.
    """
    done = list(
        ticket.certifications.select_related("generation")
        .filter(status=StepStatus.SUCCEEDED)
        .order_by("-pk")
    )
    gone = superseded(done)
    return [one for one in done if one.collection not in gone]


def superseded(certifications: list[Certification]) -> set[str]:
    """Find the collections of earlier iterations whose type was certified anew."""
    newest: dict[str, int] = {}
    for one in certifications:
        label = one.generation.label
        newest[label] = max(newest.get(label, 0), one.generation.iteration)
    return {
        one.collection
        for one in certifications
        if one.generation.iteration < newest[one.generation.label]
    }


def step_inputs(
    ticket: ConstructionTicket,
    calib_type: str,
    found: Mapping[str, Sequence[str]] | None = None,
) -> StepInputs:
    """Give where a step looks for raw data and for the calibrations it needs.

    The ticket's chain counts only where it holds a type that is needed: a bias is the
    same attempt before and after another type is certified.

    Parameters
    ----------
    found
        What the Butler had of the types needed when the exposures were chosen: curated
        calibrations of the ticket are in its chain as well.
    """
    settings = butler_settings(
        ticket.repository, instrument=ticket.instrument_id, graph=ticket.graph
    )
    graph, type_ = find_graph(ticket.graph), specification(calib_type).type
    needed = {*graph.precursors.get(type_, ()), *graph.uses.get(type_, ())}
    held = [
        one.collection
        for one in certified(ticket)
        if one.generation.calib_type in needed
    ]
    curated = curated_name(ticket.instrument_id, ticket.key)
    is_curated = any(curated in names for names in (found or {}).values())
    chain = [chain_of(ticket)] if held or is_curated else []
    return StepInputs(
        collections=[*chain, settings.raw_collection, settings.default_chain],
        held=list(dict.fromkeys(held)),
        settings=settings,
    )
