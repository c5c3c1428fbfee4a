"""Forms of the distribution pages."""

from typing import Any

from django import forms

from distribution.models import DeploymentStage
from distribution.services.tracking import SORTS, STATES
from taxicab.board.models import TaxicabStage
from taxicab.core.models import Instrument

__all__ = ["DeploymentFilterForm", "FileForm", "TrackingFilterForm"]


class _ByInstrument(forms.Form):
    instrument = forms.ModelChoiceField(
        queryset=Instrument.objects.none(), required=False, empty_label="any"
    )

    def __init__(self, *args: Any, instruments: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["instrument"].queryset = instruments


class DeploymentFilterForm(_ByInstrument):
    """Narrows the list of deployments."""

    stage = forms.ChoiceField(
        required=False,
        choices=[("", "any")] + [(s.value, s.label) for s in DeploymentStage],
    )


class TrackingFilterForm(_ByInstrument):
    """Narrows the tracking table."""

    stage = forms.ChoiceField(
        required=False,
        choices=[("", "any")] + [(s.value, s.label) for s in TaxicabStage],
    )
    year = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label="Hailed in"
    )
    state = forms.ChoiceField(
        required=False,
        label="At some repository",
        choices=[("", "any"), *((state, state) for state in STATES)],
    )
    sort = forms.ChoiceField(
        required=False,
        label="Sorted by",
        choices=[("", "newest first")]
        + [
            choice
            for name in SORTS
            for choice in ((name, name), (f"-{name}", f"{name}, downwards"))
        ],
    )

    def __init__(self, *args: Any, years: list[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["year"].choices = [("", "any year"), *((y, y) for y in years)]


class FileForm(forms.Form):
    """Files a deployment ticket."""

    key = forms.CharField(
        label="Ticket",
        help_text="As it is filed elsewhere: DM-48521.",
        widget=forms.TextInput(attrs={"class": "code", "autofocus": True}),
    )
    url = forms.URLField(
        label="Link of the ticket", required=False, assume_scheme="https"
    )
