"""A report's folder as one file, to take away."""

import zipfile
from io import BytesIO

from reports.models import VerificationReport
from reports.services.evidence import evidence_file, list_files

__all__ = ["pack_report"]

# A fixed date: the same report packs to the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def pack_report(report: VerificationReport) -> BytesIO:
    """Put a report's files, its parts and all manifests into a ZIP, in memory."""
    folder = f"{report.ticket.key}-report-{report.version}"
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in list_files(report):
            info = zipfile.ZipInfo(f"{folder}/{name}", date_time=_DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, evidence_file(report, name).read_bytes())
    packed.seek(0)
    return packed
