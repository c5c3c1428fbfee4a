"""The files that a part is about, by their SHA-256: what was changed since is refused.

Pixels stay in the Butler, so that a part cannot hold them. It names each calibration,
residual and mosaic with the hash of its file: the part's manifest, and with it what the
board decided on, covers those pixels.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from django.conf import settings

from reports.models import WHOLE_PLANE
from reports.services.gathering import StageEvidence
from reports.services.tile_making import hash_image

__all__ = ["FILES", "read_hashes", "write_hashes"]

FILES = "files.json"

THREADS = 2
"""Hashing is outside Python's lock; more would take processors from others."""

Key = tuple[int, int]
"""Detector and exposure; 0 for the calibration itself, `WHOLE_PLANE` for a mosaic."""


def write_hashes(
    stage: StageEvidence, folder: Path, *, tick: Callable[[], None] = lambda: None
) -> None:
    """Hash every file that a part is about, and list them.

    Raises
    ------
    MiddlewareError
        Raised if one cannot be read.
    """
    named = list(_files(stage))
    entries: list[dict[str, Any]] = []
    with ThreadPoolExecutor(THREADS) as pool:
        hashes = pool.map(hash_image, (path for _, path in named))
        for ((detector, exposure), path), sha256 in zip(named, hashes, strict=True):
            entries.append(
                {
                    "detector": detector,
                    "exposure": exposure,
                    "name": Path(path).name,
                    "sha256": sha256,
                }
            )
            tick()
    text = json.dumps(entries, indent=1, sort_keys=True)
    (folder / FILES).write_text(text + "\n", encoding="utf-8")


def read_hashes(part_sha256: str) -> dict[Key, str]:
    """Read the hashes of a kept part; none of one that was sealed before they were."""
    path = Path(settings.EVIDENCE_ROOT) / part_sha256 / FILES
    if not path.is_file():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {(one["detector"], one["exposure"]): one["sha256"] for one in entries}


def _files(stage: StageEvidence) -> Iterator[tuple[Key, str]]:
    """Give the calibration of each detector, the residuals, then the mosaics."""
    for detector, path in sorted({**stage.combined, **stage.tables}.items()):
        yield (detector, 0), path
    yield from sorted(stage.residuals.items())
    for exposure, path in sorted(stage.mosaics.items()):
        yield (WHOLE_PLANE, exposure), path
