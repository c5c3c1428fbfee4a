"""A report's folder as one file, to take away."""

import json
import zipfile
from io import BytesIO

from reports.models import VerificationReport
from reports.services.evidence import MANIFEST, evidence_file

__all__ = ["pack_report"]

# A fixed date: the same report packs to the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def pack_report(report: VerificationReport) -> BytesIO:
    """Put a report's files and its manifest into a ZIP, in memory: a few MB."""
    manifest = evidence_file(report, MANIFEST)
    files = json.loads(manifest.read_text(encoding="utf-8"))["files"]
    folder = f"{report.ticket.key}-report-{report.version}"
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in (*(entry["name"] for entry in files), MANIFEST):
            info = zipfile.ZipInfo(f"{folder}/{name}", date_time=_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, evidence_file(report, name).read_bytes())
    packed.seek(0)
    return packed
