"""Pages of the board's meetings."""

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from taxicab.board.forms import RemarkForm
from taxicab.board.models import Meeting
from taxicab.board.services import meetings as service
from taxicab.board.services.calendar import (
    calendar_token,
    find_subscriber,
    write_calendar,
)
from taxicab.board.services.hailing import find_ticket, readable_tickets
from taxicab.board.services.minutes import readable_minutes
from taxicab.core.pages import Sheet, answer_sheet, one_page, posted, signed_in
from taxicab.core.roles import Action
from taxicab.core.services.permissions import check_may, may

ICALENDAR = "text/calendar; charset=utf-8"


@require_safe
def meetings(request: HttpRequest) -> HttpResponse:
    """Show the next meeting, as it stands, and those that were."""
    user = signed_in(request)
    rows = Meeting.objects.annotate(n_tickets=Count("items")).order_by("-starts_at")
    token = calendar_token(user)
    context = {
        "upcoming": service.upcoming(user),
        "slot": service.slot(),
        "place": settings.MEETING_PLACE,
        "page": one_page(request, rows.select_related("closed_by")),
        "feed": request.build_absolute_uri(
            reverse("meetings-subscribed", args=[token])
        ),
        "may_schedule": may(user, Action.HAIL) or may(user, Action.DECIDE),
    }
    return render(request, "board/meetings.html", context)


@require_safe
def meeting(request: HttpRequest, day: str) -> HttpResponse:
    """Show a meeting: agenda, who is there, what was said, minutes."""
    found, user = service.find_meeting(day), signed_in(request)
    context = {
        "meeting": found,
        "minutes": readable_minutes(found, user),
        "items": found.items.filter(ticket__in=readable_tickets(user)).select_related(
            "ticket__construction__instrument", "ticket__report"
        ),
        "attendances": found.attendances.select_related("user"),
        "is_there": found.attendances.filter(user=user).exists(),
        "may_close": not found.is_over and found.has_begun and may(user, Action.DECIDE),
        "form": RemarkForm(meeting=found, user=user),
        "place": settings.MEETING_PLACE,
    }
    return render(request, "board/meeting.html", context)


@require_POST
def attend(request: HttpRequest, day: str) -> HttpResponse:
    """Note that somebody is there."""
    service.attend(service.find_meeting(day), by=signed_in(request))
    return redirect("meeting", day=day)


@require_POST
def leave(request: HttpRequest, day: str) -> HttpResponse:
    """Take back that somebody is there."""
    service.leave(service.find_meeting(day), by=signed_in(request))
    return redirect("meeting", day=day)


@require_http_methods(["GET", "HEAD", "POST"])
def remark(request: HttpRequest, day: str) -> HttpResponse:
    """Keep what somebody said; a form on a page of its own, sent from the meeting."""
    found, user = service.find_meeting(day), signed_in(request)
    sheet = Sheet(
        title=f"Said at the {found}",
        lead="It goes into the minutes under your name and is not edited.",
        submit="Keep this",
        back=reverse("meeting", args=[day]),
    )

    def act(asked: dict) -> str:
        key = asked["ticket"]
        ticket = find_ticket(key, readable_tickets(user)) if key else None
        service.remark(found, by=user, text=asked["text"], ticket=ticket)
        return "Kept for the minutes."

    form = RemarkForm(posted(request), meeting=found, user=user)
    return answer_sheet(request, sheet, form, act)


@require_http_methods(["GET", "HEAD", "POST"])
def close(request: HttpRequest, day: str) -> HttpResponse:
    """Ask before a meeting is closed."""
    found = service.find_meeting(day)
    user = signed_in(request)
    check_may(user, Action.DECIDE)
    mine = readable_tickets(user).open().filter(agenda_items__meeting=found)
    waiting = [ticket.key for ticket in mine]
    sheet = Sheet(
        title=f"Close the {found}?",
        submit="Close the meeting",
        back=reverse("meeting", args=[day]),
        consequences=(
            "The minutes are frozen: attendance, what was said, what was decided.",
            f"Undecided, and put on the next agenda: {', '.join(waiting)}."
            if waiting
            else "Nothing of your cameras is left undecided.",
        ),
    )

    def act(_: dict) -> str:
        service.close_meeting(found, by=user)
        return f"The {found} is closed."

    return answer_sheet(request, sheet, forms.Form(posted(request)), act)


@require_POST
def schedule(request: HttpRequest) -> HttpResponse:
    """Schedule the next meeting now."""
    made = service.schedule_by_hand(by=signed_in(request))
    count = made.items.count()
    tickets = "1 ticket" if count == 1 else f"{count} tickets"
    messages.success(request, f"The meeting on {made.when} has {tickets}.")
    return redirect("meetings")


@require_safe
def calendar(request: HttpRequest) -> HttpResponse:
    """Hand out the calendar to somebody who is logged in."""
    return HttpResponse(write_calendar(signed_in(request)), content_type=ICALENDAR)


@require_safe
@login_not_required
def subscribed(request: HttpRequest, token: str) -> HttpResponse:
    """Hand out the calendar to somebody's calendar program."""
    user = find_subscriber(token)
    return HttpResponse(write_calendar(user), content_type=ICALENDAR)
