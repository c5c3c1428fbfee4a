"""Signed documents: genuine, altered, signed by somebody else; and the key's file."""

import base64
import copy
import json
import stat

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from taxicab.core.domain.canonical import sha256_of
from taxicab.core.domain.signatures import (
    find_signature_faults,
    key_id,
    public_pem,
    read_private_key,
    read_public_key,
    sign,
)
from taxicab.core.services.keys import find_key, make_key, public_key_pem
from taxicab.errors import ConflictError, NotFoundError

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
RECORD = {"ticket": {"key": "TAXICAB-1"}, "value": 0.1, "names": ["é", None, True]}


def make_document(record=RECORD, key=KEY):
    return {
        "record": record,
        "sha256": sha256_of(record),
        "signature": sign(record, key),
    }


def faults(document, key=KEY):
    return find_signature_faults(document, key.public_key())


def test_genuine_after_a_journey():
    assert faults(make_document()) == []
    # Whitespace and the order of keys are no part of a record.
    there = json.dumps(make_document(), indent=4, sort_keys=True, ensure_ascii=False)
    assert faults(json.loads(there)) == []


def test_signature_is_that_of_rfc_8032():
    """The first test vector of the standard, through the same library."""
    seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
    public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    key = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))
    raw = key.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    assert raw.hex() == public
    assert key_id(key.public_key()) == key_id(
        read_public_key(public_pem(key.public_key()))
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("record", "value"), 0.2),
        (("record", "ticket", "key"), "TAXICAB-2"),
        (("record", "names"), ["é", None]),
        (("record", "more"), 1),
    ],
)
def test_altered_record(path, value):
    document = copy.deepcopy(make_document())
    *parents, last = path
    place = document
    for name in parents:
        place = place[name]
    place[last] = value
    said = " ".join(faults(document))
    assert "was altered" in said
    assert "not of this record" in said
    # Whoever gives its new SHA-256 as well has no signature for it.
    document["sha256"] = sha256_of(document["record"])
    assert faults(document) == ["The signature is not of this record and this key."]


def test_another_key():
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert len(faults(make_document(), other)) == 2
    # Somebody who signs anew and names our key is found out all the same.
    document = make_document(key=other)
    document["signature"]["key_id"] = key_id(KEY.public_key())
    assert faults(document) == ["The signature is not of this record and this key."]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"record": {}, "sha256": "", "signature": None},
        {
            **make_document(),
            "signature": {**make_document()["signature"], "value": "é"},
        },
        {
            **make_document(),
            "signature": {**make_document()["signature"], "value": "a"},
        },
    ],
)
def test_what_is_no_signed_record(document):
    (said,) = faults(document)
    assert "no signed record" in said


def test_other_algorithms_and_empty_signatures():
    document = make_document()
    document["signature"]["algorithm"] = "none"
    assert "not with Ed25519" in faults(document)[0]
    document = make_document()
    document["signature"]["value"] = base64.b64encode(b"").decode()
    assert faults(document) == ["The signature is not of this record and this key."]


def test_keys_of_another_kind():
    other = generate_private_key(SECP256R1())
    pem = other.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = other.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for read, text in ((read_private_key, pem), (read_public_key, public)):
        with pytest.raises(ValueError, match="no Ed25519 key"):
            read(text)
        with pytest.raises(ValueError, match="in PEM"):
            read(b"nothing")


@pytest.fixture
def key_file(settings, tmp_path):
    settings.SIGNING_KEY_FILE = tmp_path / "keys" / "signing_key.pem"
    return settings.SIGNING_KEY_FILE


def test_the_key_is_made_once(key_file):
    assert find_key() is None
    with pytest.raises(NotFoundError, match="make_signing_key"):
        public_key_pem()
    assert make_key()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    before = key_file.read_bytes()
    assert not make_key()
    assert key_file.read_bytes() == before
    assert key_id(read_public_key(public_key_pem())) == key_id(find_key().public_key())
    assert b"PRIVATE" not in public_key_pem()


def test_a_key_that_others_may_read_is_not_used(key_file):
    make_key()
    key_file.chmod(0o640)
    with pytest.raises(ConflictError, match="chmod 600"):
        find_key()


def test_a_file_that_holds_no_key(key_file):
    make_key()
    key_file.write_text("nothing")
    with pytest.raises(ConflictError, match="no private key"):
        find_key()
