"""What the board's members wrote on pixels, for the viewer that shows them."""

from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Prefetch
from django.urls import reverse

from reports.models import ReportImage
from reports.services.pins import Pin, Pins, provide_pins
from taxicab.board.models import Message, TaxicabTicket, ThreadKind

__all__ = ["image_notes"]


@provide_pins
def image_notes(image: ReportImage, user: AbstractBaseUser | AnonymousUser) -> Pins:
    """Give the threads on an image's pixels, of the set's newest hailing ticket.

    Whoever may see the image may read and write them. They stay with the place: a
    later report's image of the same detector and exposure shows them too.
    """
    ticket = TaxicabTicket.objects.filter(construction=image.report.ticket_id).first()
    if ticket is None or image.is_plane:
        return Pins()
    where = {
        "part": image.part,
        "detector": image.detector,
        "exposure": image.exposure,
    }
    said = Message.objects.filter(superseded_by=None)
    threads = ticket.threads.filter(kind=ThreadKind.IMAGE, **where).prefetch_related(
        Prefetch("messages", said)
    )
    page = reverse("taxicab-ticket", args=[ticket.key])
    notes = [
        Pin(
            x=int(thread.x or 0),
            y=int(thread.y or 0),
            text=next((message.text for message in thread.messages.all()), ""),
            address=f"{page}#thread-{thread.pk}",
        )
        for thread in threads
    ]
    kind = "residual" if image.exposure else "combined"
    asked = urlencode({"kind": ThreadKind.IMAGE, **where, "image": kind})
    discuss = reverse("taxicab-discuss", args=[ticket.key])
    return Pins(notes, f"{discuss}?{asked}")
