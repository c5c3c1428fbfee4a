"""A report of any Butler repository, without the portal's database.

It is the portal's report, of what the repository itself knows.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from calibrations.butler.client import ButlerGateway, ButlerSettings
from calibrations.butler.errors import MissingCollectionError
from calibrations.butler.records import (
    DatasetInfo,
    Exposure,
    RunContents,
    ValidityRow,
)
from calibrations.domain.cameras.filters import FILTERS
from calibrations.domain.names import BadNameError, parse_name, ticket_chain
from reports.domain.contents import Dataset, plan_contents, wanted_types
from reports.domain.stages import StagePlan
from reports.services.configs import find_configs, read_configs, read_packages
from reports.services.evidence import seal_folder
from reports.services.gathering import StageEvidence, gather_stages
from reports.services.record import (
    PartRecord,
    ReportRecord,
    fold_validity,
    fold_versions,
    with_headers,
)
from reports.services.summaries import Subject
from reports.services.writing import (
    count_pictures,
    without_collection,
    write_files,
)
from taxicab.errors import InputError, NotFoundError

__all__ = ["report_repository"]


def report_repository(
    root: str,
    collections: Sequence[str],
    folder: Path,
    *,
    on_event: Callable[[dict[str, Any]], None],
    with_pictures: bool = True,
) -> dict[str, Any]:
    """Write and seal a report of some collections; returns its summary.

    Parameters
    ----------
    root
        Folder or address of the repository.
    collections
        Runs, or chains that hold them, in the order of search.
    folder
        Empty.
    on_event
        Hears messages and the progress of drawing.

    Raises
    ------
    MissingCollectionError, NotFoundError
        Raised where a collection does not exist, or nothing in them is a calibration
        or the verification of one.
    """
    gateway = ButlerGateway(ButlerSettings(root=root, instrument=""), on_event=on_event)
    _say(on_event, "Finding what the collections hold.")
    found = gateway.find_runs(collections)
    runs = list(dict.fromkeys(one.run for one in found))
    infos = gateway.list_datasets(runs, wanted_types()) if runs else []
    instrument = _instrument(infos, collections, found)
    # Names that hold the instrument's are made anew with it.
    gateway.settings = ButlerSettings(root=root, instrument=instrument)
    plans = plan_contents(
        (_dataset(info) for info in infos), runs, bands=FILTERS.get(instrument, {})
    )
    _say(on_event, "Reading the results and finding the images.")
    with without_collection():
        stages = gather_stages(gateway, plans)
        facts = _record(gateway, plans, stages)
        done = _Counter(on_event, count_pictures(stages) if with_pictures else 0)
        summary = write_files(
            _subject(root, collections, instrument),
            stages,
            facts,
            folder,
            say=lambda message: _say(on_event, message),
            tick=done.tick,
            with_pictures=with_pictures,
            processes=os.cpu_count() or 1,
        )
    return {**summary, "sha256": seal_folder(folder)}


class _Counter:
    """Counts pictures for a bar."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None], total: int) -> None:
        self.on_event, self.done, self.total = on_event, 0, total

    def tick(self) -> None:
        self.done += 1
        self.on_event(
            {
                "event": "progress",
                "what": "Drawing images",
                "done": self.done,
                "total": max(self.total, self.done),
            }
        )


def _say(on_event: Callable[[dict[str, Any]], None], message: str) -> None:
    on_event({"event": "message", "message": message})


def _dataset(info: DatasetInfo) -> Dataset:
    return Dataset(info.type, info.run, str(info.data_id.get("physical_filter") or ""))


def _instrument(
    infos: Sequence[DatasetInfo],
    collections: Sequence[str],
    found: Sequence[RunContents],
) -> str:
    cameras = sorted({str(i.data_id["instrument"]) for i in infos if i.data_id})
    if not cameras:
        types = sorted({name for one in found for name in one.dataset_types})
        shown = [t for t in types if not t.endswith(("_log", "_metadata"))]
        raise NotFoundError(
            f"Nothing in {', '.join(collections)} is a calibration or the verification "
            f"of one; it has {', '.join(shown) or 'no run'}. Name the runs of "
            "verification first, then those of generation.",
            collections=list(collections),
        )
    if len(cameras) > 1:
        raise InputError(
            f"{', '.join(collections)} are of {' and '.join(cameras)}: a report is of "
            "one camera. Name the collections of one."
        )
    return cameras[0]


def _subject(root: str, collections: Sequence[str], instrument: str) -> Subject:
    """Take the ticket from the collections' names, where they follow the rule."""
    names = []
    for collection in collections:
        with suppress(BadNameError):
            names.append(parse_name(collection))
    tickets = {name.ticket for name in names}
    tags = {name.tag or "" for name in names}
    return Subject(
        ticket=str(tickets.pop()) if len(tickets) == 1 else collections[0],
        instrument=instrument,
        tag=tags.pop() if len(tags) == 1 else "",
        reason=f"Made of {', '.join(collections)} in {root}, without the portal.",
    )


def _record(
    gateway: ButlerGateway,
    plans: Sequence[StagePlan],
    stages: Sequence[StageEvidence],
) -> ReportRecord:
    """Collect what the repository itself says of how a set was made."""
    runs = sorted({r for p in plans for r in (p.generation, p.verification)} - {""})
    kept = find_configs(gateway, runs)
    exposures = _exposures(gateway, stages)
    ranges: dict[str, list[ValidityRow]] = {}
    parts = {
        stage.plan.key: PartRecord(
            inputs=_inputs(stage, exposures, gateway.settings.instrument),
            configuration=[
                {
                    "collection": name,
                    "overrides": {},
                    "input_collections": [],
                    "tasks": read_configs(kept[name]),
                }
                for name in _names(stage.plan)
            ],
            versions=fold_versions(
                (name, read_packages(kept[name])) for name in _names(stage.plan)
            ),
            validity=_validity(gateway, stage.plan, ranges),
            has_portal=False,
        )
        for stage in stages
    }
    return ReportRecord(parts=with_headers(parts, gateway))


def _names(plan: StagePlan) -> list[str]:
    return [name for name in (plan.generation, plan.verification) if name]


def _exposures(
    gateway: ButlerGateway, stages: Sequence[StageEvidence]
) -> dict[int, Exposure]:
    """Describe every exposure that has results, as the repository knows it."""
    exposures = {e for stage in stages for e in stage.exposures}
    if not exposures:
        return {}
    where = _where(exposures, gateway.settings.instrument)
    return {one.id: one for one in gateway.select_exposures(where)}


def _where(exposures: Iterable[int], instrument: str) -> str:
    chosen = ", ".join(map(str, sorted(exposures)))
    return f"instrument='{instrument}' AND exposure IN ({chosen})"


def _inputs(
    stage: StageEvidence, known: Mapping[int, Exposure], instrument: str
) -> list[dict[str, Any]]:
    if not stage.exposures:
        return []
    return [
        {
            "label": stage.plan.label,
            "purpose": "verification",
            "where": _where(stage.exposures, instrument),
            "exposures": [asdict(known[e]) for e in stage.exposures if e in known],
            "problems": [],
            "override_reason": "",
            "override_by": "",
        }
    ]


def _validity(
    gateway: ButlerGateway, plan: StagePlan, ranges: dict[str, list[ValidityRow]]
) -> list[dict[str, Any]]:
    """Find where a generation is certified, in its ticket's chain."""
    try:
        name = parse_name(plan.generation)
    except BadNameError:
        return []
    chain = ticket_chain(name.instrument, name.ticket or "")
    if chain not in ranges:
        try:
            ranges[chain] = gateway.validity(chain)
        except MissingCollectionError:
            ranges[chain] = []
    wanted = (plan.generation, plan.calib_type)
    return fold_validity(row for row in ranges[chain] if (row.run, row.type) == wanted)
