"""Forms of the core pages."""

from typing import Any

from django import forms

from taxicab.core.models import JobStatus, Repository

__all__ = ["JobFilterForm"]


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
