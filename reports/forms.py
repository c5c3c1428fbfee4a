"""Forms of the report pages."""

from typing import Any

from django import forms

from calibrations.models import ConstructionTicket, StepStatus, Verification

__all__ = ["NewReportForm", "ReportFilterForm"]


class ReportFilterForm(forms.Form):
    """Narrows the list of reports."""

    ticket = forms.ModelChoiceField(
        queryset=ConstructionTicket.objects.none(),
        required=False,
        empty_label="any",
        to_field_name="key",
        label="Construction ticket",
    )

    def __init__(self, *args: Any, tickets: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["ticket"].queryset = tickets


class NewReportForm(forms.Form):
    """Chooses the verifications that a report is made of."""

    verifications = forms.ModelMultipleChoiceField(
        queryset=Verification.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        help_text="The latest of each type is chosen. A type that was generated and is "
        "not chosen here is reported as not verified.",
    )

    def __init__(self, *args: Any, ticket: ConstructionTicket, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = (
            Verification.objects.filter(
                generation__ticket=ticket, status=StepStatus.SUCCEEDED
            )
            .select_related("generation")
            .order_by("-pk")
        )
        latest: dict[str, int] = {}
        for row in rows:
            latest.setdefault(row.generation.label, row.pk)
        self.fields["verifications"].queryset = rows
        self.fields["verifications"].initial = list(latest.values())
