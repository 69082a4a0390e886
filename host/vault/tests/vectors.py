"""A second implementation of FHC1, written from the description at the top of src/lib.rs, in another language and with
another cryptographic library (pip install cryptography). It made vectors.json.

    python3 tests/vectors.py            checks that vectors.json is what this implementation gives
    python3 tests/vectors.py --write    writes vectors.json anew: only when the format changes on purpose
"""

import base64
import hashlib
import hmac
import json
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE = pathlib.Path(__file__).with_name("vectors.json")
ALG = b"\x01"


def sha256(data):
    return hashlib.sha256(data).digest()


def lp(*parts):
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def derive(key, salt, info):
    return HKDF(SHA256(), 32, salt=salt, info=info).derive(key)


def pad(plaintext):
    bucket = 64 if len(plaintext) + 1 <= 1024 else 1024
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % bucket)


def seal(key, key_name, parts, kind, plaintext, salt, nonce):
    key_id = sha256(key_name.encode())[:16]
    ctx = lp(b"FHC1", *parts, kind, key_id, ALG)
    record_key = derive(key, salt, b"FHC1 enc" + sha256(ctx))
    commit = derive(key, salt, b"FHC1 commit" + sha256(ctx))
    return b"FHC1" + ALG + key_id + salt + nonce + commit + AESGCM(record_key).encrypt(nonce, pad(plaintext), ctx)


def encode_fields(fields):
    out = b"\x01" + struct.pack(">H", len(fields))
    for name in sorted(fields, key=lambda name: name.encode()):
        value = fields[name]
        out += struct.pack(">H", len(name.encode())) + name.encode() + struct.pack(">I", len(value)) + value
    return out


def ulid(ms, random):
    number = (ms << 80) | (int.from_bytes(random, "little") & ((1 << 80) - 1))
    return "".join("0123456789abcdefghjkmnpqrstvwxyz"[(number >> shift) & 31] for shift in range(125, -1, -5))


def stream(label, length):
    """Bytes that stand in for randomness."""
    return hashlib.shake_256(label.encode()).digest(length)


def make():
    kek = stream("kek", 32)
    kek_text = "fhkek1_" + base64.urlsafe_b64encode(kek + sha256(kek)[:4]).decode()
    kek_id = "kek_" + sha256(b"freehold kek id" + kek)[:8].hex()
    now_ms = 1_795_471_200_123

    tenant, customer = "ten_01kb0000000000000000000001", "cus_01kb0000000000000000000002"
    key_entropy = stream("customer key", 16 + 32 + 32 + 12)
    key_id = "vky_" + ulid(now_ms, key_entropy[:16])
    seed, salt, nonce = key_entropy[16:48], key_entropy[48:80], key_entropy[80:]
    parts = [part.encode() for part in (tenant, customer, key_id, kek_id)]
    wrapped = seal(kek, kek_id, parts, b"customer-key", seed, salt, nonce)

    credentials = []
    for number, fields in enumerate([
        {},
        {"token": b"hunter2"},
        {"secret_access_key": b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "access_key_id": b"AKIAIOSFODNN7EXAMPLE"},
        {"empty": b"", "binary": bytes(range(256)), "Z": b"z", "\u00e9l\u00e8ve": b"\x80\x00\x00"},
        {"one_byte_below_a_kib": b"x" * (1023 - 3 - 6 - len("one_byte_below_a_kib"))},
        {"a_kib": b"x" * (1024 - 3 - 6 - len("a_kib"))},
        {"private_key": stream("private key", 2400)},
    ]):
        destination, version = f"dst_01kb00000000000000000000{number:02}", number * 1000 + 1
        entropy = stream(f"credential {number}", 32 + 12)
        plaintext = encode_fields(fields)
        parts = [tenant.encode(), customer.encode(), destination.encode(), struct.pack(">I", version)]
        fingerprint_key = derive(seed, b"FHC1 fingerprint", b"")
        credentials.append({
            "destination": destination,
            "version": version,
            "entropy": entropy.hex(),
            "fields": {name: value.hex() for name, value in fields.items()},
            "blob": seal(seed, key_id, parts, b"credential", plaintext, entropy[:32], entropy[32:]).hex(),
            "fingerprint": hmac.digest(fingerprint_key, plaintext, "sha256")[:4].hex(),
        })

    entropy = stream("canary", 32 + 32 + 12)
    root, salt, nonce = entropy[:32], entropy[32:64], entropy[64:]
    canary = seal(kek, kek_id, [kek_id.encode()], b"canary", b"freehold canary" + root, salt, nonce)
    return {
        "kek": {"text": kek_text, "id": kek_id},
        "now_ms": now_ms,
        "customer_key": {
            "tenant": tenant,
            "customer": customer,
            "entropy": key_entropy.hex(),
            "id": key_id,
            "wrapped": wrapped.hex(),
        },
        "credentials": credentials,
        "canary": {"entropy": entropy.hex(), "bytes": (lp(kek_id.encode()) + canary).hex()},
        "derived_keys": {
            purpose: derive(root, b"freehold derived key", purpose.encode()).hex() for purpose in ("code", "cursor")
        },
    }


if __name__ == "__main__":
    text = json.dumps(make(), indent=2, ensure_ascii=False) + "\n"
    if "--write" in sys.argv:
        FILE.write_text(text, encoding="utf-8")
    elif FILE.read_text(encoding="utf-8") != text:
        sys.exit("vectors.json differs from what this implementation gives")
    print("ok")
