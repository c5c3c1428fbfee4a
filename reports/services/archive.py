"""A report's folder as one file, to take away."""

import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import IO

from reports.models import VerificationReport
from reports.services.evidence import evidence_file, list_files

__all__ = ["pack_folder", "pack_report"]

# A fixed date: the same report packs to the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def pack_report(report: VerificationReport) -> BytesIO:
    """Put a report's files, its parts and all manifests into a ZIP, in memory."""
    packed = BytesIO()
    files = ((name, evidence_file(report, name)) for name in list_files(report))
    _pack(packed, f"{report.ticket.key}-report-{report.version}", files)
    packed.seek(0)
    return packed


def pack_folder(folder: Path, target: Path) -> None:
    """Put a report's folder into a ZIP file."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with target.open("wb") as packed:
        files = ((path.relative_to(folder).as_posix(), path) for path in paths)
        _pack(packed, folder.name, files)


def _pack(packed: IO[bytes], top: str, files: Iterable[tuple[str, Path]]) -> None:
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in files:
            info = zipfile.ZipInfo(f"{top}/{name}", date_time=_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, path.read_bytes())
