"""Forms of the construction pages."""

from typing import Any

from django import forms
from django.contrib.auth import get_user_model

from calibrations.domain.graph import Specification
from calibrations.models import (
    ConstructionStage,
    Selection,
    SelectionPurpose,
    SelectionStatus,
)
from taxicab.core.models import Instrument

__all__ = [
    "CertifyForm",
    "CodeChangesForm",
    "ConstructionFilterForm",
    "OpenTicketForm",
    "SelectForm",
    "VerifyForm",
]


def _code(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "class": "code", "spellcheck": "false"})


class ConstructionFilterForm(forms.Form):
    """Narrows the list of construction tickets."""

    instrument = forms.ModelChoiceField(
        queryset=Instrument.objects.none(), required=False, empty_label="any"
    )
    stage = forms.ChoiceField(
        required=False,
        choices=[("", "any")] + [(s.value, s.label) for s in ConstructionStage],
    )

    def __init__(self, *args: Any, instruments: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instrument"].queryset = instruments


class CodeReviewFields(forms.Form):
    """Where changed code is reviewed, and by whom."""

    code_review_url = forms.URLField(
        label="Link of the code review", required=False, assume_scheme="https"
    )
    code_reviewer = forms.ModelChoiceField(
        queryset=get_user_model()._default_manager.none(),
        required=False,
        empty_label="nobody yet",
        help_text="Somebody else than the ticket's owner.",
    )

    def __init__(self, *args: Any, owner: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = get_user_model()._default_manager.filter(is_active=True)
        self.fields["code_reviewer"].queryset = people.exclude(pk=owner.pk).order_by(
            "username"
        )


class OpenTicketForm(CodeReviewFields):
    """Opens a construction ticket."""

    field_order = ("key", "instrument", "tag", "reason", "url", "has_code_changes")

    key = forms.CharField(
        label="Ticket",
        help_text="As it is filed elsewhere: DM-48520.",
        widget=forms.TextInput(attrs={"class": "code", "autofocus": True}),
    )
    instrument = forms.ModelChoiceField(queryset=Instrument.objects.none())
    tag = forms.CharField(
        help_text="Letters, digits and underscores; it is in every collection's name.",
        widget=forms.TextInput(attrs={"class": "code"}),
    )
    reason = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Why these calibrations are made; the board reads it.",
    )
    url = forms.URLField(
        label="Link of the ticket", required=False, assume_scheme="https"
    )
    has_code_changes = forms.BooleanField(
        required=False,
        label="Code was changed for it",
        help_text="Then give its review below: hailing waits for it.",
    )

    def __init__(self, *args: Any, instruments: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instrument"].queryset = instruments


class CodeChangesForm(CodeReviewFields):
    """Says later that code was changed."""

    field_order = ("reason",)

    reason = forms.CharField(
        label="What was changed", widget=forms.Textarea(attrs={"rows": 3})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("code_review_url", "code_reviewer"):
            self.fields[name].required = True


class SelectForm(forms.Form):
    """Chooses exposures with a Butler expression."""

    purpose = forms.ChoiceField(
        label="What for",
        choices=[
            (SelectionPurpose.GENERATION, "generation: these are combined"),
            (SelectionPurpose.VERIFICATION, "verification: a later night"),
        ],
    )
    physical_filter = forms.CharField(
        label="Physical filter",
        max_length=32,
        widget=forms.TextInput(attrs={"class": "code"}),
    )
    where = forms.CharField(label="Which exposures", widget=_code())

    def __init__(self, *args: Any, specification: Specification, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not specification.is_per_filter:
            del self.fields["physical_filter"]
        parts = [f"exposure.observation_type='{specification.observation_type}'"]
        if specification.observation_reasons:
            reason = specification.observation_reasons[0]
            parts.append(f"exposure.observation_reason='{reason}'")
        parts += ["exposure.day_obs=20241109", "exposure.seq_num IN (1..15)"]
        self.fields["where"].widget.attrs["placeholder"] = " AND ".join(parts)
        self.fields["where"].help_text = (
            "A Butler expression on exposure, detector and physical_filter: "
            "comparisons with AND, OR, NOT, IN (…) and ranges like 1..15. Nothing runs "
            "yet: what it finds is shown and checked first."
        )


class VerifyForm(forms.Form):
    """Chooses what a generation is tested on."""

    selections = forms.ModelMultipleChoiceField(
        queryset=Selection.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label="Later nights",
        required=False,
        help_text="The construction inputs are tested in any case.",
    )

    def __init__(self, *args: Any, generation: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["selections"].queryset = generation.ticket.selections.filter(
            calib_type=generation.calib_type,
            physical_filter=generation.physical_filter,
            purpose=SelectionPurpose.VERIFICATION,
            status=SelectionStatus.READY,
        )
        self.fields["selections"].label_from_instance = _describe


def _describe(selection: Selection) -> str:
    days = sorted({str(e.get("day_obs", "")) for e in selection.exposures})
    return f"{len(selection.exposures)} exposures of {', '.join(days) or 'no night'}"


class CertifyForm(forms.Form):
    """Gives a calibration its validity range."""

    begin_tai = forms.CharField(
        label="Valid from (TAI)",
        help_text="ISO-8601, in TAI; by default the beginning of the night of its "
        "earliest exposure that it holds for.",
        widget=forms.TextInput(attrs={"class": "code"}),
    )
    end_tai = forms.CharField(
        label="Valid until (TAI)",
        required=False,
        help_text="Empty: open end, as for any set that later ones will replace. Give "
        "an end for a historical set.",
        widget=forms.TextInput(attrs={"class": "code"}),
    )

    def __init__(self, *args: Any, suggested_end_tai: str = "", **options: Any) -> None:
        super().__init__(*args, **options)
        if suggested_end_tai:
            # Offered, not filled in: an end that nobody meant leaves later exposures
            # without a calibration.
            self.fields["end_tai"].help_text = (
                f"The tests hold until {suggested_end_tai}: give that as the end of a "
                "historical set. Empty: open end, as for any set that later ones will "
                "replace."
            )
