"""What the primary headers of raw exposures say, as their files have it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from astropy.io import fits
from lsst.daf.butler import Butler, DatasetRef

from calibrations.butler.operations.session import Session
from calibrations.butler.raw_reader import list_cards
from calibrations.butler.records import RawHeader

__all__ = ["read_headers"]

NO_RAW = "The repository has no raw of it."
NO_FILE = "The file of its raw is gone."
BAD_FILE = "Its raw cannot be read as FITS."

ONLY_HEADER: Mapping[str, Any] = {"lazy_load_hdus": True, "memmap": False}
"""Reads no further than the first header."""


def read_headers(session: Session, exposures: Sequence[int]) -> list[dict[str, Any]]:
    """Read a header of each exposure: that of the lowest detector that has a raw.

    What cannot be read is said and stops nothing. The sentences name no folder, so
    that a copy of the repository says the same.
    """
    wanted = sorted(set(exposures))
    with session.butler() as butler:
        refs = _lowest_raws(session, butler, wanted)
        uris = butler._datastore.getManyURIs(
            list(refs.values()), predict=False, allow_missing=True
        )
        found = []
        for exposure in wanted:
            ref = refs.get(exposure)
            uri = uris[ref].primaryURI if ref in uris else None
            found.append(asdict(_read_header(session, exposure, ref, uri)))
        return found


def _lowest_raws(
    session: Session, butler: Butler, exposures: Sequence[int]
) -> dict[int, DatasetRef]:
    """Find the raw of the lowest detector, by exposure."""
    name = session.settings.raw_dataset_type
    collection = session.settings.raw_collection
    if not butler.registry.queryDatasetTypes([name]) or (
        collection not in butler.collections.query("*")
    ):
        return {}
    # None is lower than 0, and only an exposure without it needs all 200 looked at.
    found = _first_raws(session, butler, exposures, " AND detector = 0")
    others = [exposure for exposure in exposures if exposure not in found]
    return {**found, **_first_raws(session, butler, others, "")}


def _first_raws(
    session: Session, butler: Butler, exposures: Iterable[int], condition: str
) -> dict[int, DatasetRef]:
    chosen = ", ".join(map(str, exposures))
    if not chosen:
        return {}
    refs = butler.query_datasets(
        session.settings.raw_dataset_type,
        session.settings.raw_collection,
        find_first=True,
        where=f"instrument = '{session.settings.instrument}' "
        f"AND exposure IN ({chosen}){condition}",
        explain=False,
        limit=None,
    )
    found: dict[int, DatasetRef] = {}
    for ref in sorted(refs, key=lambda ref: int(ref.dataId["detector"])):
        found.setdefault(int(ref.dataId["exposure"]), ref)
    return found


def _read_header(
    session: Session, exposure: int, ref: DatasetRef | None, uri: Any
) -> RawHeader:
    if ref is None:
        return RawHeader(exposure, missing=NO_RAW)
    detector = int(ref.dataId["detector"])
    if uri is None:
        return RawHeader(exposure, detector, missing=NO_FILE)
    name = uri.basename()
    try:
        # A stream: of a file that is far away the header alone is fetched.
        with uri.open("rb") as stream, fits.open(stream, **ONLY_HEADER) as hdus:
            cards = list_cards(hdus[0].header)
    except FileNotFoundError:
        return RawHeader(exposure, detector, name, missing=NO_FILE)
    except Exception as error:  # each kind of storage fails in words of its own
        session.emit("message", message=f"{uri} has no header to be read: {error}")
        return RawHeader(exposure, detector, name, missing=BAD_FILE)
    return RawHeader(exposure, detector, name, cards)
