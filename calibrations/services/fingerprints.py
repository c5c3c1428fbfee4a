"""What makes two attempts the same: a hash of everything that goes into them."""

import hashlib
import json
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(**parts: Any) -> str:
    """Hash inputs, configuration and versions.

    Canonical JSON, so that the order of keys and the spelling of numbers do not
    matter; equal means resume, anything else is a new attempt.
    """
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
