"""The key that signs decision records: a file, never a row of the database."""

import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from taxicab.core.domain.signatures import public_pem, read_private_key
from taxicab.errors import ConflictError, NotFoundError

__all__ = ["find_key", "make_key", "public_key_pem"]

OTHERS = 0o077


def find_key() -> Ed25519PrivateKey | None:
    """Read the signing key; `None` where there is none yet.

    Raises
    ------
    ConflictError
        Raised for a file that others may read, or that holds something else.
    """
    path: Path = settings.SIGNING_KEY_FILE
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConflictError(
            f"The signing key in {path} cannot be read: {error.strerror}."
        ) from error
    if mode & OTHERS:
        raise ConflictError(
            f"Others may read the signing key in {path}: run chmod 600 on it, and ask "
            "yourself who has it by now."
        )
    try:
        return read_private_key(pem)
    except ValueError as error:
        raise ConflictError(f"{path}: {error}") from error


def make_key() -> bool:
    """Make the signing key unless there is one; tells whether it was made."""
    path: Path = settings.SIGNING_KEY_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
    return True


def public_key_pem() -> bytes:
    """Give the public key that belongs to the signing key.

    Raises
    ------
    NotFoundError
        Raised where no key was made yet.
    """
    key = find_key()
    if key is None:
        raise NotFoundError(
            "This portal has no signing key yet: its operator runs "
            "manage.py make_signing_key."
        )
    return public_pem(key.public_key())
