"""Forms of the core pages."""

from typing import Any

from django import forms

from taxicab.core.domain.notices import Channel, NoticeEvent, WebhookForm
from taxicab.core.models import JobStatus, NoticeChoice, NoticeWebhook, Repository

__all__ = ["JobFilterForm", "NoticeChoicesForm"]


class JobFilterForm(forms.Form):
    """Narrows the list of jobs."""

    status = forms.ChoiceField(
        required=False,
        choices=[("", "any"), ("unfinished", "queued or running")]
        + [(status.value, status.label) for status in JobStatus],
    )
    repository = forms.ModelChoiceField(
        queryset=Repository.objects.none(), required=False, empty_label="any"
    )
    mine = forms.BooleanField(required=False, label="Started by me")

    def __init__(self, *args: Any, repositories: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["repository"].queryset = repositories


class NoticeChoicesForm(forms.Form):
    """How somebody wants to be told: a table of events and ways, and the webhook."""

    url = forms.URLField(
        label="Webhook",
        required=False,
        max_length=500,
        assume_scheme="https",
        widget=forms.URLInput(attrs={"class": "code"}),
        help_text="An address that takes a POST with JSON; empty: none.",
    )
    form = forms.ChoiceField(
        label="Form of what is sent",
        choices=[(one.value, one.label) for one in WebhookForm],
    )

    def __init__(
        self,
        *args: Any,
        choices: list[NoticeChoice],
        webhook: NoticeWebhook | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["url"].initial = webhook.url if webhook else ""
        self.fields["form"].initial = webhook.form if webhook else WebhookForm.JSON
        for choice in choices:
            for channel in Channel:
                label = f"{NoticeEvent(choice.event).label}: {channel.label}"
                field = forms.BooleanField(required=False, label=label)
                field.initial = getattr(choice, channel)
                field.widget.attrs["aria-label"] = label
                self.fields[f"{choice.event}-{channel}"] = field

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """Give the table: each event with its boxes, in the order of the channels."""
        return [
            (event.label, [self[f"{event}-{channel}"] for channel in Channel])
            for event in NoticeEvent
        ]

    def chosen(self) -> dict[str, dict[str, bool]]:
        """Give what was ticked: by event, by channel."""
        return {
            event: {c: self.cleaned_data[f"{event}-{c}"] for c in Channel}
            for event in NoticeEvent
        }
