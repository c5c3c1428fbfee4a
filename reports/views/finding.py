"""What every page of reports begins with: the report, if the reader may see it."""

from typing import Any

from django.http import HttpRequest

from reports.models import VerificationReport
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = ["find_report", "find_stage"]


def find_report(request: HttpRequest, key: str, version: int) -> VerificationReport:
    """Find a report that somebody may read."""
    found = (
        VerificationReport.objects.filter(
            ticket__key=key,
            version=version,
            ticket__instrument__in=readable_instruments(request.user),
        )
        .select_related("ticket__instrument", "ticket__owner", "job", "created_by")
        .prefetch_related("parts")
        .first()
    )
    if found is None:
        raise NotFoundError(f"There is no report {version} of {key!r}: see the list.")
    return found


def find_stage(report: VerificationReport, part: str) -> dict[str, Any]:
    """Find what a report's summary says of one part."""
    stages = {stage["key"]: stage for stage in report.summary.get("stages", ())}
    if part not in stages:
        raise NotFoundError(
            f"{report} has nothing of {part!r}; it has {', '.join(stages) or 'nothing'}"
            "."
        )
    return stages[part]
