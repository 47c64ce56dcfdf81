#!/usr/bin/env python3
"""Writes accounts.txt and certificates.txt beside itself.

It follows docs/protocol.md with hashlib and the "cryptography" package, and
shares no code with the Go package that the vectors test.
"""
import base64
import hashlib
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = pathlib.Path(__file__).parent
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
SEEDS = [
    ("RFC 8032 section 7.1, test 1", "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"),
    ("RFC 8032 section 7.1, test 2", "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
    ("RFC 8032 section 7.1, test 3", "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"),
    ("a seed of zeros", "00" * 32),
    ("a seed of ones", "ff" * 32),
]
# Small order, and the encodings of them that are not canonical.
WEAK = [
    ("order 1: the identity", "01" + "00" * 31),
    ("order 2", "ec" + "ff" * 30 + "7f"),
    ("order 4", "00" * 32),
    ("order 4, sign bit set", "00" * 31 + "80"),
    ("order 8", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    ("order 8, sign bit set", "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"),
    ("order 8, the other one", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    ("order 8, the other one, sign bit set", "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"),
    ("not canonical: y = p + 1", "ee" + "ff" * 30 + "7f"),
    ("not canonical: y = p", "ed" + "ff" * 30 + "7f"),
    ("not canonical: y = 2^255 - 1", "ff" * 31 + "7f"),
    ("not canonical: the identity with its sign bit set", "01" + "00" * 30 + "80"),
    ("no point of the curve: y = 2", "02" + "00" * 31),
]


def private(seed):
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def public(seed):
    return private(seed).public_key().public_bytes_raw()


def account(key):
    check = hashlib.sha3_256(b"passeur/account/1\0" + key).digest()[:4]
    return "passeur:" + base64.b32encode(key + check).decode().rstrip("=").lower()


def peer_id(key):
    """identity multihash of the libp2p protobuf of an Ed25519 key, base58"""
    n, text = int.from_bytes(b"\x00\x24\x08\x01\x12\x20" + key, "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = B58[digit] + text
    return "1" + text  # one leading zero byte


def block(out, **fields):
    for name, value in fields.items():
        out.append(f"{name.replace('_', '-')}: {value}")
    out.append("")


def accounts():
    out = []
    for comment, seed in SEEDS:
        key = public(seed)
        block(out, comment=comment, expect="ok", seed=seed, key=key.hex(), text=account(key))
    for comment, key in WEAK:
        block(out, comment=comment, expect="weak", key=key, text=account(bytes.fromhex(key)))
    good = account(public(SEEDS[0][1]))
    flipped = good[:-1] + chr(ord(good[-1]) ^ 1)
    for comment, text in [
        ("no scheme", good[8:]),
        ("another scheme", "jami:" + good[8:]),
        ("a letter short", good[:-1]),
        ("a letter more", good + "a"),
        ("padded", good + "======"),
        ("two letters swapped", good[:10] + good[11] + good[10] + good[12:]),
        ("the unused low bits of the last letter are not zero", flipped),
        ("a digit that base32 lacks", good[:20] + "1" + good[21:]),
        ("white space inside", good[:30] + " " + good[30:]),
        ("scheme alone", "passeur:"),
    ]:
        block(out, comment=comment, expect="error", text=text)
    return out


def certificates():
    out = []
    owner, device, other = SEEDS[0][1], SEEDS[1][1], SEEDS[2][1]

    def cert(label, *keys):
        return private(owner).sign(label + b"".join(keys)).hex()

    label = b"passeur/device-cert/1\0"
    pair = public(owner), public(device)
    for comment, expect, key, signature in [
        ("the account certifies the device", "ok", device, cert(label, *pair)),
        ("the account certifies its own key as a device", "ok", owner, cert(label, pair[0], pair[0])),
        ("another device's certificate", "error", other, cert(label, *pair)),
        ("label without its zero byte", "error", device, cert(label[:-1], *pair)),
        ("another label", "error", device, cert(b"passeur/device-cert/2\0", *pair)),
        ("device before account", "error", device, cert(label, *reversed(pair))),
        ("no signature", "error", device, "00" * 64),
    ]:
        block(out, comment=comment, expect=expect, account_seed=owner, account=account(pair[0]),
              device_key=public(key).hex(), device=peer_id(public(key)), certificate=signature)
    return out


if __name__ == "__main__":
    for name, vectors in [("accounts", accounts()), ("certificates", certificates())]:
        lines = ["# Vectors of docs/protocol.md, written by vectors.py; blocks end with an empty line.", ""]
        (HERE / f"{name}.txt").write_text("\n".join(lines + vectors))
