"""Pages of notices: what somebody was told, and how they want to be told."""

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from taxicab.core.domain.notices import Channel
from taxicab.core.forms import NoticeChoicesForm
from taxicab.core.models import (
    DeliveryStatus,
    Notice,
    NoticeDelivery,
    NoticeWebhook,
)
from taxicab.core.pages import one_page, posted, signed_in
from taxicab.core.services.delivery import check_webhook, send_test
from taxicab.core.services.notify import choices_of, mark_read, save_choices
from taxicab.errors import TaxicabError


@require_safe
def listed(request: HttpRequest) -> HttpResponse:
    """List what somebody was told, newest first."""
    rows = Notice.objects.filter(user=signed_in(request)).shown()
    context = {"page": one_page(request, rows)}
    return render(request, "core/notices.html", context)


@require_POST
def read(request: HttpRequest, pk: int) -> HttpResponse:
    """Mark one notice as read."""
    mark_read(signed_in(request), pk)
    return redirect("notices")


@require_POST
def read_all(request: HttpRequest) -> HttpResponse:
    """Mark every notice as read."""
    mark_read(signed_in(request))
    return redirect("notices")


@require_http_methods(["GET", "HEAD", "POST"])
def choices(request: HttpRequest) -> HttpResponse:
    """Let somebody choose how they are told, and see what did not arrive."""
    user = signed_in(request)
    webhook = NoticeWebhook.objects.filter(user=user).first()
    form = NoticeChoicesForm(posted(request), choices=choices_of(user), webhook=webhook)
    status = 200
    if request.method == "POST" and form.is_valid():
        url = form.cleaned_data["url"]
        try:
            if url:
                check_webhook(url)
            save_choices(user, form.chosen(), url=url, form=form.cleaned_data["form"])
        except TaxicabError as error:
            form.add_error("url", str(error))
            status = error.status_code
        else:
            messages.success(request, "Your choices are kept.")
            return redirect("notice-choices")
    context = {
        "form": form,
        "channels": [channel.label for channel in Channel],
        "webhook": webhook,
        "has_mail_server": settings.EMAIL_IS_SET,
        "problems": NoticeDelivery.objects.filter(notice__user=user)
        .exclude(problem="")
        .exclude(status=DeliveryStatus.SENT)
        .select_related("notice")[:20],
    }
    return render(request, "core/notice_choices.html", context, status=status)


@require_POST
def test(request: HttpRequest) -> HttpResponse:
    """Send a test to somebody's webhook, now, and say what came of it."""
    try:
        send_test(signed_in(request))
    except TaxicabError as error:
        messages.error(request, f"The test did not arrive. {error}")
    else:
        messages.success(request, "The test arrived.")
    return redirect("notice-choices")
