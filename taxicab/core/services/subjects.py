"""What jobs and audit events are about, and who may read them.

A subject is a kind and a key. The models live in rooms above this one, so they are
found by name, never imported.
"""

from collections.abc import Sequence

from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import CharField, Model, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat
from django.urls import reverse

from taxicab.core.models import AuditEvent, Instrument, Job, Repository
from taxicab.core.models.jobs import JobQuerySet
from taxicab.core.services.permissions import readable_instruments

__all__ = [
    "events_about",
    "instrument_of",
    "readable_events",
    "readable_jobs",
    "readable_repositories",
    "subject_address",
]

Person = AbstractBaseUser | AnonymousUser

# Kind of subject: the name of its page.
_PAGES = {
    "construction": "construction-ticket",
    "taxicab": "taxicab-ticket",
    "meeting": "meeting",
    "deployment": "deployment",
    "repository": "repository",
}


def subject_address(kind: str, key: str) -> str:
    """Find the page of a subject; empty when it has none."""
    return reverse(_PAGES[kind], args=[key]) if kind in _PAGES and key else ""


def instrument_of(kind: str, key: str) -> Instrument | None:
    """Find the camera a ticket is about; `None` for anything else."""
    if kind == "taxicab":
        number = key.rpartition("-")[2]
        found = Instrument.objects.filter(
            construction_tickets__taxicab_tickets__number=int(number)
        )
    elif kind == "deployment":
        found = Instrument.objects.filter(
            construction_tickets__taxicab_tickets__deployment__key=key
        )
    elif kind == "construction":
        found = Instrument.objects.filter(construction_tickets__key=key)
    else:
        return None
    return found.first()


def readable_repositories(user: Person) -> "QuerySet[Repository]":
    """Repositories that hold a camera somebody may read about."""
    instruments = readable_instruments(user)
    return (
        Repository.objects.filter(instruments__in=instruments)
        .select_related("facility")
        .distinct()
    )


def readable_jobs(user: Person) -> JobQuerySet:
    """Jobs about subjects somebody may read."""
    names = _readable_names(user)
    # A look at a repository is about one of its cameras, and logs what it found.
    looks = Q(subject_kind="repository") & ~Q(parameters__instrument__in=names)
    return (
        Job.objects.filter(_readable(user, names))
        .exclude(looks)
        .select_related("repository__facility", "created_by")
    )


def readable_events(user: Person) -> "QuerySet[AuditEvent]":
    """Audit events about subjects somebody may read."""
    readable = _readable(user, _readable_names(user))
    return AuditEvent.objects.filter(readable).select_related("user")


def events_about(*subjects: tuple[str, str]) -> "QuerySet[AuditEvent]":
    """Audit events of some subjects, newest first."""
    about = Q(pk__in=())
    for kind, key in subjects:
        about |= Q(subject_kind=kind, subject_key=key)
    return AuditEvent.objects.filter(about).select_related("user")


def _readable_names(user: Person) -> list[str]:
    return list(readable_instruments(user).values_list("name", flat=True))


def _readable(user: Person, instruments: Sequence[str]) -> Q:
    if len(instruments) == Instrument.objects.count():
        return Q()
    numbers = _model("board.TaxicabTicket").filter(
        construction__instrument__in=instruments
    )
    number = Cast("number", CharField())
    numbers = numbers.annotate(name=Concat(Value("TAXICAB-"), number))
    constructions = _model("calibrations.ConstructionTicket")
    deployments = _model("distribution.DeploymentTicket")
    slugs = [repository.slug for repository in readable_repositories(user)]
    return (
        Q(
            subject_kind="construction",
            subject_key__in=constructions.filter(instrument__in=instruments).values(
                "key"
            ),
        )
        | Q(subject_kind="taxicab", subject_key__in=numbers.values("name"))
        | Q(
            subject_kind="deployment",
            subject_key__in=deployments.filter(
                taxicab__construction__instrument__in=instruments
            ).values("key"),
        )
        | Q(subject_kind="repository", subject_key__in=slugs)
    )


def _model(label: str) -> "QuerySet[Model]":
    return apps.get_model(label)._default_manager.all()
