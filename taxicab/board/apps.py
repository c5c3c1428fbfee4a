"""The board application: TAXICAB tickets and positions."""

from django.apps import AppConfig


class BoardConfig(AppConfig):
    """Names the application."""

    name = "taxicab.board"
    label = "board"
    verbose_name = "Board"

    def ready(self) -> None:
        """Let the viewer of pixels know where notes are kept."""
        from taxicab.board.services import pins  # noqa: F401  registers itself
