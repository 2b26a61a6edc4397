"""Signed notes as others write and read them: the examples of the specifications, and what is no note."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from server.domain.public_log.signed_note import (
    Checkpoint,
    Note,
    Signature,
    VerifierKey,
    cosigned_at,
    cosigned_message,
    read_checkpoint,
    read_note,
    read_signatures,
)

# c2sp.org/signed-note, "Example"
KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
NOTE = (
    "This is an example message.\n\n— example.com/foo "
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
ROOT = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")


def test_the_example_of_the_specification_is_genuine() -> None:
    key, note = VerifierKey.read(KEY), read_note(NOTE.encode())
    assert (key.name, key.kind, key.id.hex(), str(key)) == ("example.com/foo", 1, "530d903a", KEY)
    [signature] = note.signatures
    assert signature.is_by(key)
    Ed25519PublicKey.from_public_bytes(key.raw).verify(signature.data, note.text.encode())
    assert str(note) == NOTE


def test_a_checkpoint_is_three_lines() -> None:
    head = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert (
        head.text == "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    assert read_checkpoint(Note(head.text, ())) == head


@pytest.mark.parametrize(
    "text",
    ["o\n1\n", "o\n01\n{}\n", "o\n-1\n{}\n", "o\n١\n{}\n", "o\n1\n{}\nmore\n", "\n1\n{}\n", "o\n1\nAAAA\n", "o\n1\n{}",
     "o\n9223372036854775808\n{}\n", "o\n99999999999999999999\n{}\n"],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"checkpoint|three lines"):
        read_checkpoint(Note(text.format(base64.b64encode(ROOT).decode()), ()))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        NOTE[:-1].encode(),
        NOTE.replace("— ", "- ").encode(),
        NOTE.replace("yaQM=", "yaQM").encode(),
        NOTE.replace("yaQM=", "yaQN=").encode(),  # bits behind the end
        NOTE.replace("example message", "example\tmessage").encode(),
        NOTE.replace("— example.com/foo", "— exa+mple").encode(),
        b"\xff" + NOTE.encode(),
        ("a" * 70_000 + NOTE).encode(),
        (NOTE + NOTE.split("\n\n")[1] * 70).encode(),
    ],
)
def test_what_is_no_note_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        read_note(data)


@pytest.mark.parametrize(
    "text",
    ["", "name", KEY.replace("530d903a", "530d903b"), KEY.replace("+Aek", "+Bek"), KEY[:-4], KEY.replace("example.com", "exa mple"), "+530d903a+" + KEY.rpartition("+")[2]],
)  # fmt: skip
def test_what_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        VerifierKey.read(text)


def test_a_cosignature_is_read_with_its_moment() -> None:
    """The example of c2sp.org/tlog-cosignature."""
    [line] = read_signatures(
        "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
    )
    assert (line.name, cosigned_at(line)) == ("witness.example.com/w1", 1679315147)
    head = Checkpoint("example.com/behind-the-sofa", 20852163, ROOT)
    assert cosigned_message(1679315147, head.text) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    for data in (bytes(64), bytes(72), b"\xff" * 72):
        with pytest.raises(ValueError):
            cosigned_at(Signature("w", b"1234", data))
