"""Forms of the board's pages."""

from typing import Any

from django import forms

from reports.models import ReportStatus, VerificationReport
from taxicab.board.domain import PositionKind
from taxicab.board.models import TaxicabStage
from taxicab.core.models import Instrument

__all__ = ["HailForm", "PositionForm", "TaxicabFilterForm"]


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
    return (
        f"Report {report.version} of {report.created_at:%Y-%m-%d %H:%M} UTC: "
        f"{report.summary.get('verdict', '')}, {counts.get('failed', 0)} failed of "
        f"{counts.get('results', 0)}"
    )


class PositionForm(forms.Form):
    """What a member of the board holds."""

    kind = forms.ChoiceField(
        label="Position",
        choices=[
            (PositionKind.ADOPT, "Adopt: deploy this set"),
            (PositionKind.OBJECT, "Object: it is not adopted while this stands"),
            (PositionKind.ABSTAIN, "Abstain: heard, and neither for nor against"),
        ],
        widget=forms.RadioSelect,
    )
    comment = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="An objection says what would lift it.",
    )
