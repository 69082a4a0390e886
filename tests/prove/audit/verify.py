"""Checks an exported audit log by its published format alone: python verify.py EXPORT PUBLIC_KEY."""

import base64
import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def canonical(value):
    # RFC 8785, for what a log has: texts, integers, and names of fields in ASCII.
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def root(leaves):
    # RFC 6962, section 2.1.
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\1" + root(leaves[:left]) + root(leaves[left:])).digest()


def open_note(note, key_text):
    name, number, encoded = key_text.split("+", 2)
    kind_and_key = base64.b64decode(encoded)
    assert hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4].hex() == number, "the key's number"
    text, signatures = note.split("\n\n")
    text += "\n"
    signature = base64.b64decode(signatures.removeprefix(f"— {name} "))
    assert signature[:4].hex() == number, "signed by another key"
    Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(signature[4:], text.encode())
    return text


def main(path, key):
    lines = [json.loads(line) for line in open(path, encoding="utf-8")]
    header, body = lines[0], lines[1:-1]
    hashes, previous, checkpoints, prev = [], "0" * 64, 0, "0" * 64
    for line in body:
        if "checkpoint" in line:
            text = open_note(line["checkpoint"], key)
            origin, size, tree, _at, before = text.splitlines()
            assert origin == "freehold/audit/" + header["chain"], "another log's checkpoint"
            assert int(size) == len(hashes), "a checkpoint of another size"
            assert base64.b64decode(tree) == root(hashes), "a checkpoint of other records"
            assert before == "previous " + previous, "a checkpoint is missing"
            previous = hashlib.sha256(text.encode()).hexdigest()
            checkpoints += 1
            continue
        said, opening = line.pop("hash"), line.pop("opening", None)
        seq = line["seq"]
        assert hashlib.sha256(canonical(line)).hexdigest() == said, f"record {seq} was changed"
        assert seq == len(hashes) + 1 and line["prev"] == prev, f"record {seq} does not follow"
        if opening:
            salt, values = bytes.fromhex(opening["salt"]), canonical(opening["values"])
            commitment = hmac.new(salt, values, "sha256").hexdigest()
            assert commitment == line["personal"]["commitment"], f"the names of record {seq} were changed"
        prev = said
        hashes.append(bytes.fromhex(said))
    end = lines[-1]["end"]
    assert (end["records"], end["checkpoints"]) == (len(hashes), checkpoints), "it is cut off"
    print(f"{len(hashes)} records and {checkpoints} checkpoints hold")


main(*sys.argv[1:])
