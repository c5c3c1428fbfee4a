"""Pages of the discussion: saying something, answering, correcting oneself."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from calibrations.domain.cameras import detector_name
from taxicab.board.forms import MessageForm, TextForm
from taxicab.board.models import TaxicabTicket
from taxicab.board.services import discussion
from taxicab.board.services.evidence import find_failure
from taxicab.board.views.room import find_taxicab
from taxicab.core.pages import Sheet, answer_sheet, posted

__all__ = ["correct", "discuss", "reply"]

asks = require_http_methods(["GET", "HEAD", "POST"])


@asks
def discuss(request: HttpRequest, key: str) -> HttpResponse:
    """Say something about the ticket, or about what the address names."""
    found = find_taxicab(request, key)
    asked = request.GET.dict()
    if wanted := asked.pop("failure", ""):
        failure = find_failure(found, wanted)
        asked["part"] = failure.part
        if len(failure.tests) < 2:  # otherwise it is about the place, or all
            asked |= {"level": failure.level, "test": failure.test}
        anchor = discussion.anchor_of(failure)
        asked |= {name: str(value) for name, value in anchor.items()}
    form = MessageForm(posted(request), initial=asked)
    words = ("part", "test", "detector", "amplifier", "exposure", "image", "x", "y")
    said = asked | {"detector": _detector(found, asked.get("detector", ""))}
    about = " ".join(f"{name} {said[name]}" for name in words if said.get(name))
    sheet = Sheet(
        title=f"Discuss {about or key}",
        lead="Anybody who may read may speak. What was said is corrected by saying it "
        "anew, never edited.",
        submit="Say it",
        back=_threads(key),
    )

    def act(given: dict) -> str:
        discussion.start(found, by=request.user, **given)
        return "Said."

    return answer_sheet(request, sheet, form, act)


def _detector(found: TaxicabTicket, number: str) -> str:
    """Name the detector that an address gives by its number."""
    camera = found.construction.instrument_id
    return detector_name(camera, int(number)) if number.isdecimal() else number


@asks
def reply(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Answer in a thread."""
    thread = discussion.find_thread(find_taxicab(request, key), number)
    sheet = Sheet(
        title=f"Answer in thread {number} of {key}", submit="Say it", back=_threads(key)
    )

    def act(given: dict) -> str:
        discussion.reply(thread, by=request.user, **given)
        return "Said."

    return answer_sheet(request, sheet, TextForm(posted(request)), act)


@asks
def correct(request: HttpRequest, key: str, number: int) -> HttpResponse:
    """Supersede what one said."""
    message = discussion.find_message(find_taxicab(request, key), number)
    sheet = Sheet(
        title="Correct what you said?",
        submit="Say it anew",
        back=_threads(key),
        consequences=("The first words stay readable, struck through.",),
    )

    def act(given: dict) -> str:
        discussion.correct(message, by=request.user, **given)
        return "Corrected."

    form = TextForm(posted(request), initial={"text": message.text})
    return answer_sheet(request, sheet, form, act)


def _threads(key: str) -> str:
    return reverse("taxicab-ticket", args=[key]) + "#discussion"
