"""Who has a part in a set: they neither decide on it nor waive its failures."""

from collections.abc import Iterable

from django.contrib.auth.models import User

from calibrations.models import Certification, ConstructionTicket
from taxicab.board.models import TaxicabTicket
from taxicab.errors import ForbiddenError

__all__ = ["authors_of", "check_not_author"]


def authors_of(ticket: TaxicabTicket) -> list[User]:
    """List who has a part in the set: owner, who hailed, chose, built, certified."""
    construction = ticket.construction
    ids = {construction.owner_id, ticket.hailed_by_id, ticket.report.created_by_id}
    ids |= set(_builders(construction))
    people = User.objects.filter(pk__in=ids)
    return list(people.order_by("username"))


def check_not_author(ticket: TaxicabTicket, by: User) -> None:
    """Refuse who has a part in the set: nobody decides on a ticket of their own."""
    if by in authors_of(ticket):
        raise ForbiddenError(
            f"{by.get_username()} has a part in {ticket.construction.key}, which "
            f"{ticket.key} is about: nobody decides on a ticket of their own."
        )


def _builders(construction: ConstructionTicket) -> Iterable[int]:
    # Who answered for exposures that do not fit is judged by the board as well.
    names = (
        "created_by_id",
        "selection__created_by_id",
        "selection__override_by",
        "verifications__created_by_id",
    )
    for row in construction.generations.order_by().values_list(*names).distinct():
        yield from (one for one in row if one is not None)
    yield from Certification.objects.filter(ticket=construction).values_list(
        "created_by_id", flat=True
    )
