"""The board application: TAXICAB tickets and positions."""

from django.apps import AppConfig


class BoardConfig(AppConfig):
    """Names the application."""

    name = "taxicab.board"
    label = "board"
    verbose_name = "Board"
