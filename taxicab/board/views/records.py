"""Pages of decision records, and the key they are signed with."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from taxicab.board.services.records import (
    document_of,
    find_record,
    minutes_were_open,
)
from taxicab.board.views.room import find_taxicab
from taxicab.core.services.keys import public_key_pem


@require_safe
def record(request: HttpRequest, key: str) -> HttpResponse:
    """Show a decision again, as it was taken."""
    ticket = find_taxicab(request, key)
    frozen = find_record(ticket)
    context = {
        "taxicab": ticket,
        "frozen": frozen,
        "record": frozen.record,
        "minutes_were_open": minutes_were_open(frozen),
        "addenda": frozen.addenda.all(),
    }
    return render(request, "board/record.html", context)


@require_safe
def download(request: HttpRequest, key: str) -> HttpResponse:
    """Hand out a decision record as one signed JSON file."""
    frozen = find_record(find_taxicab(request, key))
    response = JsonResponse(document_of(frozen), json_dumps_params={"indent": 1})
    response["Content-Disposition"] = f'attachment; filename="{key}-record.json"'
    return response


@require_safe
@login_not_required
def public_key(request: HttpRequest) -> HttpResponse:
    """Publish the key that records are checked with; everybody may have it."""
    return HttpResponse(public_key_pem(), content_type="application/x-pem-file")
