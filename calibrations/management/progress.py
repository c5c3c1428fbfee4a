"""A progress bar for the gateway's events, in commands that run in a terminal."""

from types import TracebackType
from typing import Any, Self

from tqdm import tqdm

__all__ = ["ProgressBar"]


class ProgressBar:
    """Shows the events of an operation: one bar for each of its steps.

    Parameters
    ----------
    stream
        Where to draw; commands give their stderr.
    quiet
        Draw nothing.
    """

    def __init__(self, stream: Any, *, quiet: bool = False) -> None:
        # Django's wrapper would end every redrawing of the bar with a new line.
        self.stream = getattr(stream, "_out", stream)
        self.quiet = quiet
        self._bar: Any = None
        self._what = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def on_event(self, event: dict[str, Any]) -> None:
        """Take one event of the gateway."""
        if self.quiet:
            return
        if event["event"] == "message":
            tqdm.write(str(event["message"]), file=self.stream)
        if event["event"] != "progress":
            return
        if self._bar is None or event["what"] != self._what:
            self._close()
            self._what = event["what"]
            self._bar = tqdm(
                total=event["total"], desc=self._what, unit="file", file=self.stream
            )
        self._bar.update(event["done"] - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
