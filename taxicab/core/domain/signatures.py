"""Documents signed with Ed25519, checked with the public key alone: plain Python."""

import base64
import binascii
import hashlib
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from taxicab.core.domain.canonical import canonical_json, sha256_of

__all__ = [
    "ALGORITHM",
    "find_addendum_faults",
    "find_signature_faults",
    "key_id",
    "public_pem",
    "read_private_key",
    "read_public_key",
    "sign",
]

ALGORITHM = "Ed25519"


def sign(record: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, str]:
    """Sign a record's canonical JSON; gives what a document keeps of it."""
    value = key.sign(canonical_json(record).encode("ascii"))
    return {
        "algorithm": ALGORITHM,
        "key_id": key_id(key.public_key()),
        "value": base64.b64encode(value).decode("ascii"),
    }


def find_signature_faults(document: Any, key: Ed25519PublicKey) -> list[str]:
    """Say what is wrong with a signed document; nothing for a genuine one.

    Parameters
    ----------
    document
        As it was read: ``record``, its ``sha256`` and a ``signature``.
    """
    try:
        record, digest = document["record"], document["sha256"]
        signature = document["signature"]
        algorithm, signer = signature["algorithm"], signature["key_id"]
        value = base64.b64decode(signature["value"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        return [f"This is no signed record: {type(error).__name__} {error}."]
    if algorithm != ALGORITHM:
        return [f"It is signed with {algorithm!r}, not with {ALGORITHM}."]
    faults = []
    try:
        text = canonical_json(record)
    except ValueError as error:
        return [f"The record is no plain JSON: {error}."]
    if sha256_of(record) != digest:
        faults.append(
            "The record is not the one whose SHA-256 is given: it was altered."
        )
    if signer != key_id(key):
        faults.append(
            f"It was signed with the key {signer}, and this is the key {key_id(key)}."
        )
    try:
        key.verify(value, text.encode("ascii"))
    except InvalidSignature:
        faults.append("The signature is not of this record and this key.")
    return faults


def find_addendum_faults(document: Any, key: Ed25519PublicKey) -> list[str]:
    """Say what is wrong with what was added to a signed document later.

    Parameters
    ----------
    document
        As it was read; each of its ``addenda`` is a signed document that names the
        SHA-256 of the first.
    """
    addenda = document.get("addenda", [])
    if not isinstance(addenda, list):
        return ["What was added later is no list of signed records."]
    faults = []
    for number, addendum in enumerate(addenda, start=1):
        found = find_signature_faults(addendum, key)
        if not found and addendum["record"].get("record_sha256") != document["sha256"]:
            found = ["It belongs to another record."]
        faults += [f"Addendum {number}: {fault}" for fault in found]
    return faults


def key_id(key: Ed25519PublicKey) -> str:
    """Name a key: the first 16 digits of the SHA-256 of its 32 bytes."""
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def public_pem(key: Ed25519PublicKey) -> bytes:
    """Write a public key as PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_public_key(pem: bytes) -> Ed25519PublicKey:
    """Read a public key from PEM.

    Raises
    ------
    ValueError
        Raised for anything else.
    """
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("This file holds no public key in PEM.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError(f"This key is no {ALGORITHM} key.")
    return key


def read_private_key(pem: bytes) -> Ed25519PrivateKey:
    """Read a private key from PEM.

    Raises
    ------
    ValueError
        Raised for anything else.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError("This file holds no private key in PEM.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError(f"This key is no {ALGORITHM} key.")
    return key
