"""One shape for REST errors: ``{"error", "message", "details"}``."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from rest_framework import exceptions, status
from rest_framework.response import Response
from rest_framework.views import exception_handler

from taxicab.errors import TaxicabError

__all__ = ["answer_error"]


def answer_error(exception: Exception, context: dict[str, Any]) -> Response | None:
    """Turn an exception into an answer that clients can branch on."""
    if isinstance(exception, TaxicabError):
        details = {k: v for k, v in exception.details.items() if k != "traceback"}
        return _answer(
            exception.error, str(exception), exception.status_code, details=details
        )
    response = exception_handler(exception, context)
    if response is None:
        return None
    if isinstance(exception, Http404):
        return _answer("not_found", str(exception) or "Not found.", 404)
    if isinstance(exception, PermissionDenied):
        return _answer("forbidden", str(exception) or "Not allowed.", 403)
    if isinstance(exception, exceptions.ValidationError):
        return _answer(
            "bad_input",
            "Some fields are missing or wrong: see details.",
            status.HTTP_400_BAD_REQUEST,
            details=exception.get_full_details(),
        )
    if isinstance(exception, exceptions.APIException):
        response.data = _body(exception.default_code, str(exception.detail), {})
    return response


def _body(error: str, message: str, details: Any) -> dict[str, Any]:
    return {"error": error, "message": message, "details": details}


def _answer(error: str, message: str, code: int, *, details: Any = None) -> Response:
    return Response(_body(error, message, details or {}), status=code)
