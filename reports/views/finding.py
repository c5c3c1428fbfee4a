"""What every page of reports begins with: the report, if the reader may see it."""

from django.http import HttpRequest

from reports.models import VerificationReport
from taxicab.core.services.permissions import readable_instruments
from taxicab.errors import NotFoundError

__all__ = ["find_report"]


def find_report(request: HttpRequest, key: str, version: int) -> VerificationReport:
    """Find a report that somebody may read."""
    found = (
        VerificationReport.objects.filter(
            ticket__key=key,
            version=version,
            ticket__instrument__in=readable_instruments(request.user),
        )
        .select_related("ticket__instrument", "ticket__owner", "job", "created_by")
        .first()
    )
    if found is None:
        raise NotFoundError(f"There is no report {version} of {key!r}: see the list.")
    return found
