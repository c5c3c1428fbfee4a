"""The REST interface's documentation, rendered from its own schema.

Rendered on the server: it needs neither scripts nor styles of its own, so it stands
under the same content-security policy as every page and works without JavaScript.
"""

from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may

__all__ = ["api_docs"]

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One verb at one address."""

    method: str
    path: str
    summary: str
    parameters: list[dict[str, Any]]
    request: list[tuple[str, str, str]]
    """Fields to send: name, type, what it is."""
    answers: list[tuple[str, str, list[tuple[str, str, str]]]]
    """Status, what it means, and the fields of the answer."""

    @property
    def anchor(self) -> str:
        """Its place on the page."""
        return f"{self.method}{self.path}".replace("/", "-").strip("-")


@dataclass
class Section:
    """The operations of one kind of thing."""

    title: str
    operations: list[Operation] = field(default_factory=list)


@login_not_required  # it looks by itself: a token is as good as a session
@require_safe
def api_docs(request: HttpRequest) -> HttpResponse:
    """Show every operation with what it takes and gives."""
    if not request.user.is_authenticated:
        reader = _token_holder(request)
        if reader is None:
            return redirect_to_login(request.get_full_path())
        request.user = reader
    check_may(request.user, Action.READ)
    info, operations = _describe()
    context = {"info": info, "operations": operations}
    return render(request, "core/api_docs.html", context)


@cache
def _describe() -> tuple[dict[str, Any], SafeString]:
    """Write down every operation, once a process: it follows from the code alone."""
    schema = SchemaGenerator().get_schema(request=None, public=True)
    context = {"sections": _sections(schema)}
    return schema["info"], render_to_string("core/_api_sections.html", context)


def _token_holder(request: HttpRequest) -> User | None:
    """Find whose token the request carries."""
    try:
        found = TokenAuthentication().authenticate(cast(Request, request))
    except AuthenticationFailed:
        return None
    return None if found is None else cast(User, found[0])


def _sections(schema: dict[str, Any]) -> list[Section]:
    sections: dict[str, Section] = {}
    for path, verbs in schema["paths"].items():
        name = path.removeprefix("/api/v1/").strip("/").split("/")[0]
        for method in METHODS:
            if method in verbs:
                section = sections.setdefault(name, Section(name.replace("-", " ")))
                operation = _operation(method, path, verbs[method], schema)
                section.operations.append(operation)
    return list(sections.values())


def _operation(
    method: str, path: str, verb: dict[str, Any], schema: dict[str, Any]
) -> Operation:
    body = verb.get("requestBody", {}).get("content", {})
    answers = [
        (
            code,
            answer.get("description", ""),
            _content(answer.get("content", {}), schema),
        )
        for code, answer in verb.get("responses", {}).items()
    ]
    return Operation(
        method=method,
        path=path,
        summary=verb.get("description", "") or verb.get("summary", ""),
        parameters=[
            {**one, "kind": _type(one.get("schema", {}), schema)}
            for one in verb.get("parameters", ())
        ],
        request=_content(body, schema),
        answers=answers,
    )


def _content(
    content: dict[str, Any], schema: dict[str, Any]
) -> list[tuple[str, str, str]]:
    for media in content.values():
        return _fields(media.get("schema", {}), schema)
    return []


def _fields(part: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, str, str]]:
    """List the fields of an object; of a page or a list, those of its items."""
    part = _resolve(part, schema)
    if part.get("type") == "array":
        return _fields(part.get("items", {}), schema)
    properties = part.get("properties", {})
    if "results" in properties and "count" in properties:
        return _fields(properties["results"], schema)
    return [
        (name, _type(one, schema), _resolve(one, schema).get("description", ""))
        for name, one in properties.items()
    ]


def _type(part: dict[str, Any], schema: dict[str, Any]) -> str:
    part = _resolve(part, schema)
    if "enum" in part:
        return " | ".join(str(value) for value in part["enum"] if value is not None)
    for choice in ("oneOf", "anyOf", "allOf"):
        if choice in part:
            return " | ".join(_type(one, schema) for one in part[choice])
    if part.get("type") == "array":
        return f"list of {_type(part.get('items', {}), schema)}"
    name = part.get("format") or part.get("type", "any")
    return f"{name} or null" if part.get("nullable") else str(name)


def _resolve(part: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        part = schema["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    if len(part.get("allOf", ())) == 1:
        return {**_resolve(part["allOf"][0], schema), **part, "allOf": []}
    return part
