"""Chains of collections: each change says what was there before and after."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from lsst.daf.butler import Butler, CollectionType

from calibrations.butler.errors import ChainUnreadableError, MissingCollectionError
from calibrations.butler.operations.session import Session
from calibrations.butler.records import ChainChange

__all__ = ["define_chain", "prepend_chain", "remove_from_chain"]


def define_chain(
    session: Session, chain: str, children: Sequence[str]
) -> dict[str, Any]:
    """Make a chain of exactly these children, in this order."""

    def change(butler: Butler, before: list[str]) -> None:
        if before != list(children):
            butler.collections.redefine_chain(chain, list(children))

    return _change(session, chain, children, change, create=True)


def prepend_chain(session: Session, chain: str, child: str) -> dict[str, Any]:
    """Put a child first, unless it is in the chain.

    The Butler itself would move it to the front, and so put an older set of
    calibrations back in force when a deployment is run again.
    """

    def change(butler: Butler, before: list[str]) -> None:
        if child not in before:
            butler.collections.prepend_chain(chain, child)

    return _change(session, chain, [child], change, create=True)


def remove_from_chain(session: Session, chain: str, child: str) -> dict[str, Any]:
    """Take a child out, if it is in the chain."""

    def change(butler: Butler, before: list[str]) -> None:
        if child in before:
            butler.collections.remove_from_chain(chain, child)

    return _change(session, chain, [], change, create=False)


def _change(
    session: Session,
    chain: str,
    needed: Sequence[str],
    change: Callable[[Butler, list[str]], None],
    *,
    create: bool,
) -> dict[str, Any]:
    with session.writing(), session.butler(writeable=True) as butler:
        session.require_collections(butler, needed)
        before = _children(session, butler, chain, create=create)
        change(butler, before)
        after = list(butler.collections.get_info(chain).children)
    return asdict(ChainChange(chain, before, after, changed=before != after))


def _children(
    session: Session, butler: Butler, chain: str, *, create: bool
) -> list[str]:
    """Children of a chain, which is made when it may be."""
    try:
        session.require_collections(butler, [chain])
    except MissingCollectionError:
        if not create:
            raise
        butler.collections.register(chain, CollectionType.CHAINED)
        return []
    info = butler.collections.get_info(chain)
    if info.type is not CollectionType.CHAINED:
        raise ChainUnreadableError(
            f"{chain} is a {info.type.name} collection, not a chain: nothing can be "
            f"put in it or taken out of it. Choose another name."
        )
    return list(info.children)
