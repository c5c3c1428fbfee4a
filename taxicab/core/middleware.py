"""Small middlewares: plain HTTP, the content-security policy, known errors as pages."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseForbidden
from django.shortcuts import render

from taxicab.core.services.permissions import holding_grants
from taxicab.environment import is_loopback
from taxicab.errors import TaxicabError

GetResponse = Callable[[HttpRequest], HttpResponse]

__all__ = [
    "content_security_policy",
    "hold_grants",
    "keep_plain_http_here",
    "refuse_nul",
    "show_known_errors",
]


def keep_plain_http_here(get_response: GetResponse) -> GetResponse:
    """Refuse plain HTTP from another machine, wherever the server listens.

    The portal does not start with it on a bind that is not the loopback, but a server
    may be told another bind than TAXICAB_BIND.
    """
    if not settings.INSECURE_HTTP:
        raise MiddlewareNotUsed

    def middleware(request: HttpRequest) -> HttpResponse:
        address = request.META.get("REMOTE_ADDR", "")
        if is_loopback(f"[{address}]" if ":" in address else address):
            return get_response(request)
        return HttpResponseForbidden(
            "TAXICAB_INSECURE_HTTP=1 is for this machine alone: use HTTPS.",
            content_type="text/plain",
        )

    return middleware


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Send one strict policy with every answer: no inline script or style."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response

    return middleware


def refuse_nul(get_response: GetResponse) -> GetResponse:
    """Find nothing at an address with a NUL: PostgreSQL cannot even look for it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if "\0" in request.path_info:
            raise Http404("No address holds a NUL.")
        return get_response(request)

    return middleware


def hold_grants(get_response: GetResponse) -> GetResponse:
    """Read roles once for a request that only looks."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.method not in ("GET", "HEAD"):
            return get_response(request)
        with holding_grants():
            return get_response(request)

    return middleware


class show_known_errors:  # noqa: N801  a middleware is named like a function
    """Answer a known failure of a page with its sentence, not with a crash."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Pass the request on."""
        return self.get_response(request)

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        """Render what a view could not do."""
        if not isinstance(exception, TaxicabError):
            return None
        template = "_error.html" if request.headers.get("HX-Request") else "error.html"
        return render(
            request, template, {"error": exception}, status=exception.status_code
        )
