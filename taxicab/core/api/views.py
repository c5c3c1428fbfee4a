"""Jobs, repositories and the audit trail over REST."""

import difflib
from typing import cast

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ReadOnlyModelViewSet

from taxicab.core.api.serializers import (
    EventSerializer,
    JobSerializer,
    NoticeChoicesSerializer,
    NoticeSerializer,
    RepositorySerializer,
)
from taxicab.core.domain.notices import NoticeEvent, WebhookForm
from taxicab.core.models import (
    AuditEvent,
    Job,
    JobStatus,
    Notice,
    NoticeWebhook,
    Repository,
)
from taxicab.core.services.delivery import check_webhook
from taxicab.core.services.notify import choices_of, mark_read, save_choices
from taxicab.core.services.steering import rerun_job, stop_job
from taxicab.core.services.subjects import (
    readable_events,
    readable_jobs,
    readable_repositories,
)
from taxicab.errors import NotFoundError

__all__ = ["EventViewSet", "JobViewSet", "NoticeViewSet", "RepositoryViewSet"]


class JobFilter(filters.FilterSet):
    """By status, kind, and what the job is about."""

    status = filters.ChoiceFilter(choices=[(s.value, s.label) for s in JobStatus])

    class Meta:
        model = Job
        fields = ("status", "kind", "subject_kind", "subject_key")


class JobViewSet(ReadOnlyModelViewSet[Job]):
    """Jobs: progress, log and end; cancelling them and running them again."""

    serializer_class = JobSerializer
    filterset_class = JobFilter
    queryset = Job.objects.none()

    def get_queryset(self) -> "QuerySet[Job]":
        """Jobs about what the person may read."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return readable_jobs(self.request.user)

    def get_object(self) -> Job:
        """Find a job by its number."""
        pk = self.kwargs["pk"]
        found = self.get_queryset().filter(pk=pk).first() if pk.isdecimal() else None
        if found is None:
            raise NotFoundError(f"There is no job {pk} that you may read.")
        return found

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Ask a job to end; what is finished stays."""
        job = self.get_object()
        stop_job(job, by=request.user)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None, responses=JobSerializer)
    @action(detail=True, methods=["post"], url_path="run-again")
    def run_again(self, request: Request, pk: str) -> Response:
        """Run a failed or cancelled job again; it continues where it stopped."""
        job = rerun_job(self.get_object(), by=request.user)
        return Response(self.get_serializer(job).data)


class RepositoryFilter(filters.FilterSet):
    """By facility and camera."""

    facility = filters.CharFilter(field_name="facility__name")
    instrument = filters.CharFilter(field_name="instruments", distinct=True)

    class Meta:
        model = Repository
        fields = ("facility", "instrument")


class RepositoryViewSet(ReadOnlyModelViewSet[Repository]):
    """Repositories by facility and path; a connected one can be a target."""

    serializer_class = RepositorySerializer
    filterset_class = RepositoryFilter
    lookup_url_kwarg = "key"
    lookup_value_regex = "[^/]+"
    queryset = Repository.objects.none()

    def get_queryset(self) -> "QuerySet[Repository]":
        """Repositories with a camera that the person may read about."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        rows = readable_repositories(self.request.user)
        return rows.prefetch_related("instruments").order_by("facility", "pk")

    def get_object(self) -> Repository:
        """Find a repository by its key, or name the nearest ones."""
        key = self.kwargs["key"]
        rows = {row.slug: row for row in self.get_queryset()}
        if key in rows:
            return rows[key]
        nearest = difflib.get_close_matches(key, rows, n=3, cutoff=0.0)
        raise NotFoundError(
            f"There is no repository {key!r}. The nearest are "
            f"{', '.join(nearest) or 'none'}.",
            nearest=nearest,
        )


class EventFilter(filters.FilterSet):
    """By subject and person."""

    by = filters.CharFilter(field_name="user__username")

    class Meta:
        model = AuditEvent
        fields = ("subject_kind", "subject_key", "by")


class EventViewSet(ReadOnlyModelViewSet[AuditEvent]):
    """The audit trail: every change of state, never edited."""

    serializer_class = EventSerializer
    filterset_class = EventFilter
    queryset = AuditEvent.objects.none()

    def get_queryset(self) -> "QuerySet[AuditEvent]":
        """Events about what the person may read."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return readable_events(self.request.user)


class NoticeFilter(filters.FilterSet):
    """By event and subject; ``unread=true`` gives what was not read."""

    event = filters.ChoiceFilter(choices=[(e.value, e.label) for e in NoticeEvent])
    unread = filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")

    class Meta:
        model = Notice
        fields = ("event", "subject_kind", "subject_key")


class NoticeViewSet(ReadOnlyModelViewSet[Notice]):
    """What the person was told, newest first."""

    serializer_class = NoticeSerializer
    filterset_class = NoticeFilter
    queryset = Notice.objects.none()

    def get_queryset(self) -> "QuerySet[Notice]":
        """Notices of who asks, and of nobody else."""
        if getattr(self, "swagger_fake_view", False):
            return self.queryset
        return Notice.objects.filter(user=self.request.user.pk).shown()

    @extend_schema(request=None, responses=NoticeSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, pk: str) -> Response:
        """Mark a notice as read."""
        notice = self.get_object()
        mark_read(request.user, notice.pk)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(methods=["get"], responses=NoticeChoicesSerializer)
    @extend_schema(
        methods=["patch"],
        request=NoticeChoicesSerializer,
        responses=NoticeChoicesSerializer,
    )
    @action(detail=False, methods=["get", "patch"], pagination_class=None)
    def choices(self, request: Request) -> Response:
        """Say how the person wants to be told, or change it."""
        user = cast(User, request.user)
        hook = NoticeWebhook.objects.filter(user=user).first()
        kept = {"url": hook.url, "form": hook.form} if hook else {"url": "", "form": ""}
        if request.method == "PATCH":
            given = NoticeChoicesSerializer(data=request.data)
            given.is_valid(raise_exception=True)
            asked = given.validated_data
            kept["url"] = asked.get("url", kept["url"])
            kept["form"] = asked.get("form", kept["form"] or WebhookForm.JSON)
            if asked.get("url"):
                check_webhook(kept["url"])
            chosen = {one.pop("event"): one for one in asked["choices"]}
            save_choices(user, chosen, **kept)
        answer = {"choices": choices_of(user), **kept}
        return Response(NoticeChoicesSerializer(answer).data)
