"""One spelling for one value, so that a hash can be taken of it: plain Python."""

import hashlib
import json
from typing import Any

__all__ = ["canonical_json", "sha256_of"]


def canonical_json(value: Any) -> str:
    """Write a value as JSON in the one way that its hash is taken of.

    Keys are sorted, nothing stands between the tokens, text is ASCII with escapes, and
    a whole number is written without a fraction, because databases do not agree
    whether 1e22 is whole.

    Raises
    ------
    ValueError
        Raised for NaN and infinities, which JSON does not have.
    """
    plain = json.loads(json.dumps(value, allow_nan=False))
    return json.dumps(
        _whole(plain), sort_keys=True, separators=(",", ":"), allow_nan=False
    )


def sha256_of(value: Any) -> str:
    """Hash a value by its canonical JSON; 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("ascii")).hexdigest()


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
