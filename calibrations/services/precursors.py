"""What a step is made with: the certified calibrations that hold for its exposures."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from calibrations.butler.client import ButlerGateway
from calibrations.domain.graph import (
    Held,
    find_graph,
    missing_precursors,
    needed,
    specification,
)
from calibrations.domain.names import (
    BadNameError,
    CollectionKind,
    default_chain,
    parse_name,
)
from calibrations.domain.validity import ValidityRange
from calibrations.models import ConstructionTicket, Selection
from calibrations.services.chains import certified, chain_of
from taxicab.errors import ConflictError, NotFoundError

__all__ = ["check_precursors", "filters_of", "find_held", "find_precursors"]


def check_precursors(
    ticket: ConstructionTicket, selection: Selection
) -> dict[str, str]:
    """Refuse a type before what it needs is certified for these exposures.

    Returns
    -------
    dict
        Collections that it is made with, by type and filter.

    Raises
    ------
    ConflictError
        Raised with the names of what is missing at that date.
    """
    graph = find_graph(ticket.graph)
    if selection.calib_type not in graph:
        raise ConflictError(
            f"{ticket.key} is built in the order of {graph.title}, which has no "
            f"{selection.calib_type}; it has {', '.join(graph.types)}."
        )
    present = find_precursors(ticket, selection)
    filters = filters_of(selection)
    missing = missing_precursors(graph, selection.calib_type, present, filters)
    if missing:
        raise ConflictError(
            f"A {selection.calib_type} needs {_join('a', missing)} valid for its "
            f"exposures ({_span(selection)}); neither {ticket.key} nor "
            f"{default_chain(ticket.instrument_id)} has that. "
            f"Generate, verify and certify {_join('the', missing)} first.",
            missing=[one.key for one in missing],
        )
    wanted = {one.type for one in needed(graph, selection.calib_type)}
    wanted |= set(graph.uses.get(specification(selection.calib_type).type, ()))
    return {
        held.key: collection
        for held, collection in present.items()
        if held.type in wanted and held.physical_filter in {"", *filters}
    }


def find_precursors(
    ticket: ConstructionTicket, selection: Selection
) -> dict[Held, str]:
    """List what holds for a selection's exposures, with the collection found first.

    The ticket's own come before those of the default chain, and of two of its own the
    newer one.
    """
    begins = [str(exposure["begin_tai"]) for exposure in selection.exposures]
    found: dict[Held, str] = {}
    for one in certified(ticket):
        holds = ValidityRange(one.begin_tai, one.end_tai or None)
        if all(holds.contains(begin) for begin in begins):
            made = one.generation
            held = Held(specification(made.calib_type).type, made.physical_filter)
            found.setdefault(held, one.collection)
    for key, collections in selection.precursors.items():
        found.setdefault(Held.parse(key), collections[0])
    return found


def filters_of(selection: Selection) -> list[str]:
    """List the physical filters of a selection's exposures."""
    if selection.physical_filter:
        return [selection.physical_filter]
    if specification(selection.calib_type).observation_type in {"bias", "dark"}:
        return []  # the filter that was in the beam by chance
    found = {
        str(exposure.get("physical_filter", "")) for exposure in selection.exposures
    }
    return sorted(found - {""})


def find_held(
    gateway: ButlerGateway, selection: Selection, exposures: Iterable[dict[str, Any]]
) -> Mapping[str, list[str]]:
    """Ask the Butler for what is there besides what the ticket certified.

    That is what the default chain has, and the curated calibrations that were put into
    the ticket's own chain.
    """
    ticket = selection.ticket
    graph = find_graph(ticket.graph)
    type_ = specification(selection.calib_type).type
    wanted = {*graph.precursors.get(type_, ()), *graph.uses.get(type_, ())}
    begins = [str(exposure["begin_tai"]) for exposure in exposures]
    if not wanted or not begins:
        return {}
    found: dict[str, list[str]] = {}
    for collection, row in _rows(gateway, ticket):
        holds = ValidityRange(row.begin or None, row.end or None)
        if row.type in set(wanted) and all(holds.contains(begin) for begin in begins):
            type_ = specification(row.type).type
            is_per_filter = specification(type_).is_per_filter
            key = Held(type_, (row.filter or "") if is_per_filter else "").key
            if collection not in found.setdefault(key, []):
                found[key].append(collection)
    return found


def _rows(
    gateway: ButlerGateway, ticket: ConstructionTicket
) -> Iterable[tuple[str, Any]]:
    with suppress(NotFoundError):  # nothing was certified or curated for it yet
        for row in gateway.validity(chain_of(ticket)):
            if _is_curated(row.collection):
                yield row.collection, row
    for row in gateway.validity(default_chain(ticket.instrument_id)):
        yield row.collection, row


def _is_curated(collection: str) -> bool:
    try:
        return parse_name(collection).kind is CollectionKind.CURATED
    except BadNameError:
        return False


def _span(selection: Selection) -> str:
    begins = sorted(str(exposure["begin_tai"]) for exposure in selection.exposures)
    if not begins:
        return "none chosen"
    days = sorted({begin[:10] for begin in (begins[0], begins[-1])})
    return f"{' to '.join(days)} TAI"


def _join(article: str, missing: list[Held]) -> str:
    return " and ".join(f"{article} {one}" for one in missing)
