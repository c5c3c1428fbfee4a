"""Forms of the board's pages."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet

from reports.models import ReportStatus, VerificationReport
from reports.services.geometry import detector_names
from taxicab.board.domain import PositionKind
from taxicab.board.models import Meeting, MeetingStatus, TaxicabStage, ThreadKind
from taxicab.board.services.hailing import readable_tickets
from taxicab.core.models import Instrument

__all__ = [
    "HailForm",
    "MessageForm",
    "NoteForm",
    "ObjectionForm",
    "PositionForm",
    "RemarkForm",
    "ReplacementForm",
    "ResolutionForm",
    "TaxicabFilterForm",
    "TextForm",
    "WaiverForm",
]


class TaxicabFilterForm(forms.Form):
    """Narrows the list of TAXICAB tickets."""

    instrument = forms.ModelChoiceField(
        queryset=Instrument.objects.none(), required=False, empty_label="any"
    )
    stage = forms.ChoiceField(
        required=False,
        choices=[("", "any")] + [(s.value, s.label) for s in TaxicabStage],
    )

    def __init__(self, *args: Any, instruments: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instrument"].queryset = instruments


class HailForm(forms.Form):
    """Puts a set before the board."""

    report = forms.ModelChoiceField(
        queryset=VerificationReport.objects.none(),
        empty_label=None,
        help_text="What the board reads.",
    )
    summary = forms.CharField(
        label="What the board should know",
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="Why the set should be adopted; what failed, and why it may not "
        "matter.",
    )

    def __init__(self, *args: Any, construction: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["report"].queryset = construction.reports.filter(
            status=ReportStatus.READY
        )
        self.fields["report"].label_from_instance = _describe


def _describe(report: VerificationReport) -> str:
    counts = report.summary.get("counts", {})
    gone = counts.get("unmeasured", 0)
    return (
        f"Report {report.version} of {report.created_at:%Y-%m-%d %H:%M} UTC: "
        f"{report.summary.get('verdict', '')}, {counts.get('failed', 0)} failed of "
        f"{counts.get('results', 0)}{f', {gone} not measured' if gone else ''}"
    )


class SeenForm(forms.Form):
    """Says which report its reader saw, so that nobody is bound to another."""

    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class PositionForm(SeenForm):
    """What a member of the board holds."""

    kind = forms.ChoiceField(
        label="Position",
        choices=[
            (PositionKind.ADOPT, "Adopt: deploy this set"),
            (
                PositionKind.ADOPT_DESPITE,
                "Adopt despite failures: each, and what is missing, has a waiver",
            ),
            (PositionKind.OBJECT, "Object: it is not adopted while this stands"),
            (
                PositionKind.NEEDS_PROCESSING,
                "Needs more processing: becomes a task, done before the decision",
            ),
            (PositionKind.ABSTAIN, "Abstain: heard, and neither for nor against"),
        ],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="An objection says what would lift it, a wish for more processing "
        "what should be run.",
    )
    parts = forms.MultipleChoiceField(
        label="About",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="None ticked: the whole set. The position stays valid while what it "
        "is about stays the same.",
    )

    def __init__(self, *args: Any, parts: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["parts"].choices = [(key, key) for key in parts]
        if len(parts) < 2:
            del self.fields["parts"]


class ObjectionForm(SeenForm):
    """What a member objects to, and why."""

    part = forms.ChoiceField(required=False, label="Type")
    test = forms.CharField(required=False, max_length=64)
    detector = forms.TypedChoiceField(required=False, coerce=int, empty_value=None)
    amplifier = forms.CharField(required=False, max_length=16)
    about = forms.CharField(
        required=False,
        max_length=200,
        label="Or in your words",
        help_text="Where type, test and place do not say it.",
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What is wrong, and what would lift the objection.",
    )

    def __init__(
        self, *args: Any, parts: Sequence[str], instrument: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", "the whole set"), *((key, key) for key in parts)]
        self.fields["part"].choices = choices
        names = detector_names(instrument)
        self.fields["detector"].choices = [("", "not one alone"), *names.items()]


class ResolutionForm(forms.Form):
    """How the meeting resolved an objection."""

    resolution = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="What was agreed, in words that the author would sign.",
    )
    meeting = forms.ModelChoiceField(
        queryset=Meeting.objects.exclude(status=MeetingStatus.SKIPPED),
        required=False,
        empty_label="none: it was settled outside a meeting",
        help_text="Which meeting agreed on it.",
    )


class WaiverForm(SeenForm):
    """On what terms one failure is accepted."""

    failure = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why the set may be used in spite of it.",
    )
    effect = forms.CharField(
        label="Expected effect",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="What it does to images, and to which.",
    )
    owner = forms.ModelChoiceField(
        queryset=User.objects.none(),
        help_text="Who sees to it that the cause is mended, or the waiver renewed.",
    )
    expires_on = forms.DateField(
        label="Expires on",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="The last day on which it holds.",
    )
    holds_to = forms.FloatField(
        label="Holds up to",
        required=False,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text="It lapses on a candidate whose value is worse than this. Offered: "
        "as much more than now as the value scatters over the exposures (three "
        "standard deviations), or 5 % where that is not known.",
    )

    def __init__(
        self,
        *args: Any,
        people: "QuerySet[User]",
        unit: str = "",
        has_number: bool = True,
        is_count: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not has_number:
            del self.fields["holds_to"]
        elif is_count:
            self.fields["holds_to"].label = "Holds up to (how many missing)"
            self.fields["holds_to"].help_text = "It lapses when more are missing."
        elif unit:
            self.fields["holds_to"].label = f"Holds up to ({unit})"
        self.fields["owner"].queryset = people
        self.fields["owner"].label_from_instance = lambda user: (
            user.get_full_name() or user.get_username()
        )


class NoteForm(forms.Form):
    """What was done for a task."""

    note = forms.CharField(
        label="What was done",
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="And where the result is: a verification run, a new report.",
    )


class ReplacementForm(forms.Form):
    """A newer report to decide on."""

    report = forms.ModelChoiceField(
        queryset=VerificationReport.objects.none(),
        empty_label=None,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, reports: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["report"].queryset = reports
        self.fields["report"].label_from_instance = _describe


class MessageForm(forms.Form):
    """Something said, and what it is about."""

    text = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 3}))
    kind = forms.CharField(
        required=False, initial=ThreadKind.TICKET, widget=forms.HiddenInput
    )
    part = forms.CharField(required=False, widget=forms.HiddenInput)
    level = forms.CharField(required=False, widget=forms.HiddenInput)
    test = forms.CharField(required=False, widget=forms.HiddenInput)
    detector = forms.IntegerField(required=False, widget=forms.HiddenInput)
    amplifier = forms.CharField(required=False, widget=forms.HiddenInput)
    exposure = forms.IntegerField(required=False, widget=forms.HiddenInput)
    image = forms.CharField(required=False, widget=forms.HiddenInput)
    x = forms.FloatField(required=False, widget=forms.HiddenInput)
    y = forms.FloatField(required=False, widget=forms.HiddenInput)

    def clean_kind(self) -> str:
        """Take a message that names nothing as one about the ticket."""
        return self.cleaned_data["kind"] or ThreadKind.TICKET


class TextForm(forms.Form):
    """Something said in answer, or instead of what was said."""

    text = forms.CharField(label="Message", widget=forms.Textarea(attrs={"rows": 3}))


class RemarkForm(forms.Form):
    """What somebody says at a meeting."""

    ticket = forms.ChoiceField(required=False, label="About")
    text = forms.CharField(
        label="What is said",
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="It goes into the minutes under your name and is not edited.",
    )

    def __init__(self, *args: Any, meeting: Meeting, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        tickets = meeting.tickets.filter(pk__in=readable_tickets(user))
        self.fields["ticket"].choices = [
            ("", "everything"),
            *((one.key, one.key) for one in tickets),
        ]
