"""What REST takes: JSON that can be read, and written down."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

__all__ = ["PlainJSONParser"]


class PlainJSONParser(JSONParser):
    r"""Refuses what Python reads and nothing behind it can take.

    JSON nested a thousand deep ends in a `RecursionError`, and ``"\ud800"`` is read
    as half a character that neither an answer nor a database can hold.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Read a body; what cannot be kept is the client's mistake."""
        try:
            data = super().parse(stream, media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError as error:
            raise ParseError("The JSON is nested too deeply.") from error
        except UnicodeEncodeError as error:
            raise ParseError("The JSON holds half a surrogate pair.") from error
        return data
