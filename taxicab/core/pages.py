"""What the pages of every application have in common: ask, do, say what happened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.paginator import Page, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render

from taxicab.errors import ForbiddenError, NotFoundError, TaxicabError

__all__ = [
    "POLL_ENDED",
    "ReasonForm",
    "Sheet",
    "answer_poll",
    "answer_sheet",
    "one_page",
    "posted",
    "signed_in",
]

POLL_ENDED = 286
"""The status that tells htmx to ask no more."""

PAGE_LENGTH = 50


def answer_poll(
    request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    """Answer the poll of a page without forms, whose context says ``is_moving``.

    Once nothing moves the whole page is loaded again, for what stands outside the
    fragment: the chain of tickets, the history, the count of jobs.
    """
    if context["is_moving"]:
        return render(request, template, context)
    response = render(request, template, context, status=POLL_ENDED)
    response["HX-Refresh"] = "true"
    return response


class ReasonForm(forms.Form):
    """Asks why; the answer goes into the audit trail."""

    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="One or two sentences; they are kept in the history.",
    )


@dataclass(frozen=True)
class Sheet:
    """A form on a page of its own, or a question before harm."""

    title: str
    submit: str
    back: str
    """Where to go when it is done, and when it is left."""
    lead: str = ""
    consequences: Sequence[str] = ()
    """What will happen, a sentence each; they make the page a confirmation."""
    is_harmful: bool = False
    template: str = ""
    """Where the page shows more; by default a plain form, or a confirmation."""


def answer_sheet(
    request: HttpRequest,
    sheet: Sheet,
    form: forms.Form,
    act: Callable[[dict[str, Any]], str],
    *,
    extra: Mapping[str, Any] | None = None,
) -> HttpResponse:
    """Show a form; once it is sent and valid, act and go back with a message.

    Parameters
    ----------
    act
        Takes the cleaned data, calls one service and says what happened. A known
        failure is shown above the form, with everything that was typed.
    extra
        What else the page shows.
    """
    status = 200
    if request.method == "POST" and form.is_valid():
        try:
            said = act(form.cleaned_data)
        except (ForbiddenError, NotFoundError):
            raise
        except TaxicabError as error:
            form.add_error(None, str(error))
            status = error.status_code
        else:
            messages.success(request, said)
            return redirect(sheet.back)
    plain = "confirm.html" if sheet.consequences else "sheet.html"
    context = {**(extra or {}), **vars(sheet), "form": form}
    return render(request, sheet.template or plain, context, status=status)


def signed_in(request: HttpRequest) -> User:
    """Give who asks; every page is behind the log-in."""
    assert request.user.is_authenticated
    return request.user


def posted(request: HttpRequest) -> QueryDict | None:
    """Give what was sent; nothing when the page is only looked at.

    A form without fields is sent empty, and is sent all the same.
    """
    return request.POST if request.method == "POST" else None


def one_page(request: HttpRequest, rows: "QuerySet[Any]") -> Page:
    """Cut the asked page out of a long list."""
    return Paginator(rows, PAGE_LENGTH).get_page(request.GET.get("page"))
