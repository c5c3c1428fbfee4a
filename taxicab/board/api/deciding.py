"""What the board says of a ticket over REST: objections, waivers, tasks, threads."""

from collections.abc import Iterable
from typing import Any, cast

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet

from taxicab.board import services
from taxicab.board.api.deciding_serializers import (
    FailureSerializer,
    MessageRequestSerializer,
    ObjectionRequestSerializer,
    ObjectionSerializer,
    ResolutionSerializer,
    TaskNoteSerializer,
    TaskSerializer,
    TextSerializer,
    ThreadSerializer,
    WaiverRequestSerializer,
    WaiverSerializer,
)
from taxicab.board.api.serializers import (
    ConsensusSerializer,
    DecisionReasonSerializer,
)
from taxicab.board.models import TaxicabTicket
from taxicab.board.services import discussion
from taxicab.board.services.objections import find_objection
from taxicab.board.services.processing import find_task
from taxicab.board.services.waivers import find_waiver

__all__ = ["DecidingMixin"]


def _item(verb: str, what: str, word: str = "number") -> str:
    return rf"{what}/(?P<{word}>[0-9]+)/{verb}"


class DecidingMixin(GenericViewSet[TaxicabTicket]):
    """The verbs of members and of whoever speaks; mixed into the tickets' viewset."""

    @extend_schema(responses=ConsensusSerializer)
    @action(detail=True, methods=["get"])
    def consensus(self, request: Request, key: str) -> Response:
        """Say whether the board agrees to adopt, and what is missing."""
        reached = services.consensus_of(self.get_object())
        return Response(ConsensusSerializer(reached).data)

    @extend_schema(responses=FailureSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def failures(self, request: Request, key: str) -> Response:
        """List what failed, and whether each failure is waived."""
        covers = services.deliberation_of(self.get_object()).covers
        return Response(FailureSerializer(covers, many=True).data)

    @extend_schema(
        methods=["get"],
        operation_id="taxicab_objections_list",
        responses=ObjectionSerializer(many=True),
    )
    @extend_schema(
        methods=["post"],
        request=ObjectionRequestSerializer,
        responses={201: ObjectionSerializer},
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def objections(self, request: Request, key: str) -> Response:
        """List objections, or object to something."""
        ticket = self.get_object()
        if request.method == "GET":
            rows = ticket.objections.select_related("author", "ended_by", "meeting")
            return self._many(ObjectionSerializer, rows)
        given = self._given(ObjectionRequestSerializer)
        made = services.raise_objection(ticket, by=self._who, **given)
        return Response(ObjectionSerializer(made).data, status=201)

    @extend_schema(request=DecisionReasonSerializer, responses=ObjectionSerializer)
    @action(detail=True, methods=["post"], url_path=_item("withdraw", "objections"))
    def withdraw_objection(self, request: Request, key: str, number: str) -> Response:
        """Take back an objection of one's own."""
        objection = find_objection(self.get_object(), int(number))
        given = self._given(DecisionReasonSerializer)
        ended = services.withdraw_objection(objection, by=self._who, **given)
        return Response(ObjectionSerializer(ended).data)

    @extend_schema(request=ResolutionSerializer, responses=ObjectionSerializer)
    @action(detail=True, methods=["post"], url_path=_item("resolve", "objections"))
    def resolve_objection(self, request: Request, key: str, number: str) -> Response:
        """Record how the meeting resolved somebody's objection."""
        objection = find_objection(self.get_object(), int(number))
        given = self._given(ResolutionSerializer)
        ended = services.resolve_objection(objection, by=self._who, **given)
        return Response(ObjectionSerializer(ended).data)

    @extend_schema(
        methods=["get"],
        operation_id="taxicab_waivers_list",
        responses=WaiverSerializer(many=True),
    )
    @extend_schema(
        methods=["post"],
        request=WaiverRequestSerializer,
        responses={201: WaiverSerializer},
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def waivers(self, request: Request, key: str) -> Response:
        """List the waivers written on a ticket, or write one for a failure."""
        ticket = self.get_object()
        if request.method == "GET":
            rows = ticket.waivers.select_related("owner", "written_by", "withdrawn_by")
            return self._many(WaiverSerializer, rows)
        given = self._given(WaiverRequestSerializer)
        made = services.write_waiver(ticket, by=self._who, **given)
        return Response(WaiverSerializer(made).data, status=201)

    @extend_schema(request=DecisionReasonSerializer, responses=WaiverSerializer)
    @action(detail=True, methods=["post"], url_path=_item("withdraw", "waivers"))
    def withdraw_waiver(self, request: Request, key: str, number: str) -> Response:
        """Take a waiver back: the failure is open again."""
        waiver = find_waiver(self.get_object(), int(number))
        given = self._given(DecisionReasonSerializer)
        ended = services.withdraw_waiver(waiver, by=self._who, **given)
        return Response(WaiverSerializer(ended).data)

    @extend_schema(responses=TaskSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def tasks(self, request: Request, key: str) -> Response:
        """List the processing that members asked for."""
        rows = self.get_object().construction.processing_tasks
        return self._many(TaskSerializer, rows.select_related("asked_by", "ended_by"))

    @extend_schema(request=TaskNoteSerializer, responses=TaskSerializer)
    @action(detail=True, methods=["post"], url_path=_item("done", "tasks"))
    def finish_task(self, request: Request, key: str, number: str) -> Response:
        """Say that a task is done, and what came of it."""
        task = find_task(self.get_object().construction, int(number))
        given = self._given(TaskNoteSerializer)
        return Response(
            TaskSerializer(services.finish_task(task, by=self._who, **given)).data
        )

    @extend_schema(request=DecisionReasonSerializer, responses=TaskSerializer)
    @action(detail=True, methods=["post"], url_path=_item("drop", "tasks"))
    def drop_task(self, request: Request, key: str, number: str) -> Response:
        """Take back a request of one's own."""
        task = find_task(self.get_object().construction, int(number))
        given = self._given(DecisionReasonSerializer)
        return Response(
            TaskSerializer(services.drop_task(task, by=self._who, **given)).data
        )

    @extend_schema(
        methods=["get"],
        operation_id="taxicab_threads_list",
        responses=ThreadSerializer(many=True),
    )
    @extend_schema(
        methods=["post"],
        request=MessageRequestSerializer,
        responses={201: ThreadSerializer},
    )
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    def threads(self, request: Request, key: str) -> Response:
        """List what was said, or say something about one thing."""
        ticket = self.get_object()
        if request.method == "GET":
            return self._many(ThreadSerializer, discussion.threads_of(ticket))
        given = self._given(MessageRequestSerializer)
        said = discussion.start(ticket, by=self._who, **given)
        return self._thread(ticket, said.thread_id, 201)

    @extend_schema(request=TextSerializer, responses={201: ThreadSerializer})
    @action(detail=True, methods=["post"], url_path=_item("messages", "threads"))
    def reply(self, request: Request, key: str, number: str) -> Response:
        """Say something more in a thread."""
        ticket = self.get_object()
        thread = discussion.find_thread(ticket, int(number))
        discussion.reply(thread, by=self._who, **self._given(TextSerializer))
        return self._thread(ticket, thread.pk, 201)

    @extend_schema(request=TextSerializer, responses={201: ThreadSerializer})
    @action(detail=True, methods=["post"], url_path=_item("correct", "messages"))
    def correct(self, request: Request, key: str, number: str) -> Response:
        """Supersede what one said; the first words stay readable."""
        ticket = self.get_object()
        message = discussion.find_message(ticket, int(number))
        said = discussion.correct(message, by=self._who, **self._given(TextSerializer))
        return self._thread(ticket, said.thread_id, 201)

    @property
    def _who(self) -> User:
        return cast(User, self.request.user)

    def _thread(self, ticket: TaxicabTicket, number: int, code: int) -> Response:
        thread = discussion.find_thread(ticket, number)
        return Response(ThreadSerializer(thread).data, status=code)

    def _many(
        self, serializer: type[BaseSerializer[Any]], rows: Iterable[Any]
    ) -> Response:
        return Response(serializer(rows, many=True).data)

    def _given(self, serializer: type[Serializer[Any]]) -> dict[str, Any]:
        given = serializer(data=self.request.data)
        given.is_valid(raise_exception=True)
        return cast(dict[str, Any], given.validated_data)
