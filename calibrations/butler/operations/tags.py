"""TAGGED collections, which keep a repository's cleaning away from calibrations."""

from collections import defaultdict
from typing import Any

from lsst.daf.butler import Butler, CollectionType, DatasetRef

from calibrations.butler.operations.queries import read_validity
from calibrations.butler.operations.session import Session

__all__ = ["tag_collection"]


def tag_collection(session: Session, chain: str, tagged: str) -> list[str]:
    """Associate every dataset of a chain.

    A TAGGED collection holds one dataset of a data id: the second goes to the
    collection with ``/2`` after its name, the third to ``/3``.
    """
    with session.writing(), session.butler(writeable=True) as butler:
        session.require_collections(butler, [chain])
        refs = _certified(butler, chain)
        places = _existing_places(butler, tagged)
        additions: dict[int, list[DatasetRef]] = defaultdict(list)
        placed = {id_ for ids in places.values() for id_ in ids.values()}
        for ref in refs:
            if ref.id in placed:
                continue
            key = (ref.datasetType.name, ref.dataId)
            number = 1
            while key in places[number]:
                number += 1
            places[number][key] = ref.id
            placed.add(ref.id)
            additions[number].append(ref)
        for number, batch in sorted(additions.items()):
            name = _spell(tagged, number)
            butler.collections.register(name, CollectionType.TAGGED)
            butler.registry.associate(name, batch)
            session.emit("message", message=f"{len(batch)} datasets tagged in {name}.")
    used = max((n for n, ids in places.items() if ids), default=0)
    return [_spell(tagged, number) for number in range(1, used + 1)]


def _certified(butler: Butler, chain: str) -> list[DatasetRef]:
    """Each dataset once, in order of validity, so that a first try and a second agree.

    The chain's order changes with every collection that is prepended; a dataset's
    validity does not.
    """
    rows = sorted(read_validity(butler, chain), key=lambda r: (r.begin or "", r.uuid))
    ids = list(dict.fromkeys(row.uuid for row in rows))
    found = {str(ref.id): ref for ref in butler.get_many_datasets(ids)}
    return [found[id_] for id_ in ids]


def _existing_places(butler: Butler, tagged: str) -> dict[int, dict[Any, Any]]:
    """Datasets by data id in each TAGGED collection of this name."""
    known = set(butler.collections.query("*"))
    places: dict[int, dict[Any, Any]] = defaultdict(dict)
    number = 1
    while (name := _spell(tagged, number)) in known:
        for ref in butler.query_all_datasets(name, find_first=False, limit=None):
            places[number][ref.datasetType.name, ref.dataId] = ref.id
        number += 1
    return places


def _spell(tagged: str, number: int) -> str:
    return tagged if number == 1 else f"{tagged}/{number}"
