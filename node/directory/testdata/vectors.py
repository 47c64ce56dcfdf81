#!/usr/bin/env python3
"""Writes account-records.txt and device-records.txt beside itself.

It follows docs/protocol.md with hashlib and the "cryptography" package (48 or
later, for ML-KEM), and shares no code with the Go package that the vectors test.
"""
import base64
import hashlib
import pathlib
import struct

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

HERE = pathlib.Path(__file__).parent
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
NOW = 1795400000000  # ms since 1970: 2026-11-23
MAX = 2**53 - 1
WEAK = bytes([1]) + bytes(31)


def private(n):
    """the key whose seed is 32 times the byte n"""
    return Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)


def public(n):
    return private(n).public_key().public_bytes_raw()


def sorted_keys(*numbers):
    return sorted(numbers, key=public)


def u16(raw):
    return struct.pack(">H", len(raw)) + raw


def u8(raw):
    return bytes([len(raw)]) + raw


def peer_id(key):
    """identity multihash of the libp2p protobuf of an Ed25519 key, base58"""
    n, text = int.from_bytes(b"\x00\x24\x08\x01\x12\x20" + key, "big"), ""
    while n:
        n, digit = divmod(n, 58)
        text = B58[digit] + text
    return "1" + text


def account_text(key):
    check = hashlib.sha3_256(b"passeur/account/1\0" + key).digest()[:4]
    return "passeur:" + base64.b32encode(key + check).decode().rstrip("=").lower()


def account_key(key):
    return "/passeur-acct/" + base64.b32encode(hashlib.sha3_256(key).digest()).decode().rstrip("=").lower()


def device_key(key):
    return "/passeur-dev/" + peer_id(key)


def xwing(n):
    """public key of the X-Wing seed that is 32 times the byte n"""
    seed = hashlib.shake_256(bytes([n]) * 32).digest(96)
    kem = MLKEM768PrivateKey.from_seed_bytes(seed[:64]).public_key().public_bytes_raw()
    return kem + X25519PrivateKey.from_private_bytes(seed[64:]).public_key().public_bytes_raw()


ACCOUNT, LABEL = 1, b"passeur/account-record/1\0"


def device(n, name=b"laptop", added=NOW - 5000, signer=ACCOUNT, key=None):
    key = key or public(n)
    cert = private(signer).sign(b"passeur/device-cert/1\0" + public(ACCOUNT) + key)
    return key + struct.pack(">Q", added) + u8(name) + cert


def account_record(seq=7, issued=NOW, devices=b"", revoked=b"", magic=b"PSA1", signer=ACCOUNT, key=None, tail=b"", label=LABEL):
    body = magic + (key or public(ACCOUNT)) + struct.pack(">QQ", seq, issued) + u16(devices) + u16(revoked) + tail
    return body + private(signer).sign(label + body)


DEVICE, DEVICE_LABEL = 2, b"passeur/device-record/1\0"


def seal_key(n=9, not_after=NOW + 691200000, kem=0x647A, raw=None):
    return struct.pack(">HQ", kem, not_after) + u16(xwing(n) if raw is None else raw)


def device_record(seq=7, issued=NOW, keys=b"", capabilities=b"", magic=b"PSD1", signer=DEVICE, key=None, tail=b"", label=DEVICE_LABEL):
    body = magic + (key or public(DEVICE)) + struct.pack(">QQ", seq, issued) + u16(keys) + u16(capabilities) + tail
    return body + private(signer).sign(label + body)


def block(out, comment, expect, raw, **fields):
    out.append(f"comment: {comment}")
    out.append(f"expect: {expect}")
    for name, value in fields.items():
        out.append(f"{name.replace('_', '-')}: {value}")
    out.append(f"record: {raw.hex()}")
    out.append("")


def account_good(out, comment, devices, revoked, **kw):
    """devices: (number, name, added); listed ones that are revoked do not count"""
    raw = account_record(
        devices=b"".join(device(n, name.encode(), added) for n, name, added in devices),
        revoked=b"".join(public(n) for n in revoked), **kw)
    fields = {
        "account": account_text(public(ACCOUNT)), "dht_key": account_key(public(ACCOUNT)),
        "seq": kw.get("seq", 7), "issued": kw.get("issued", NOW),
        "devices": " ".join(f"{peer_id(public(n))}/{added}/{name.encode().hex()}" for n, name, added in devices if n not in revoked),
        "revoked": " ".join(peer_id(public(n)) for n in revoked),
    }
    block(out, comment, "ok", raw, **{k: v for k, v in fields.items() if v != ""})


def accounts():
    out = []
    two, many = sorted_keys(2, 3), sorted_keys(*range(2, 66))
    named = {two[0]: "Zoë's laptop", two[1]: ""}
    account_good(out, "no device at all", [], [])
    account_good(out, "two devices, one of them without a name", [(n, named[n], NOW - n) for n in two], [])
    account_good(out, "a device and a revoked one", [(2, "phone", NOW)], [3])
    account_good(out, "a device that is listed and revoked is revoked", [(n, "x", 0) for n in two], [two[1]])
    account_good(out, "the account's own key as a device", [(ACCOUNT, "one key for both", NOW)], [])
    account_good(out, "64 devices with names of 64 bytes, 128 revoked", [(n, "é" * 32, NOW) for n in many],
                 sorted_keys(*range(100, 228)))
    account_good(out, "the greatest numbers", [], [], seq=MAX, issued=MAX)
    account_good(out, "the smallest numbers", [], [], seq=1, issued=0)

    good, d = account_record(devices=device(2)), device(2)
    reverse = b"".join(device(n) for n in reversed(two))
    for comment, why, raw in [
        ("empty", "malformed", b""),
        ("signature alone", "malformed", bytes(64)),
        ("cut by a byte", "malformed", good[:-1]),
        ("cut before the lists", "malformed", account_record()[:52] + bytes(64)),
        ("another magic", "malformed", account_record(magic=b"PSA2")),
        ("something after the lists", "malformed", account_record(tail=b"\0")),
        ("sequence number 0", "malformed", account_record(seq=0)),
        ("sequence number 2^53", "malformed", account_record(seq=MAX + 1)),
        ("issued in 2^53", "malformed", account_record(issued=MAX + 1)),
        ("a weak account key", "malformed", account_record(key=WEAK)),
        ("devices out of order", "malformed", account_record(devices=reverse)),
        ("a device twice", "malformed", account_record(devices=d + d)),
        ("65 devices", "malformed", account_record(devices=b"".join(device(n, b"") for n in sorted_keys(*range(2, 67))))),
        ("a device's entry cut short", "malformed", account_record(devices=d[:-1])),
        ("a weak device key", "malformed", account_record(devices=device(2, key=WEAK))),
        ("a name of 65 bytes", "malformed", account_record(devices=device(2, b"n" * 65))),
        ("a name that is not UTF-8", "malformed", account_record(devices=device(2, b"\xff"))),
        ("added in 2^53", "malformed", account_record(devices=device(2, added=MAX + 1))),
        ("revoked out of order", "malformed", account_record(revoked=public(two[1]) + public(two[0]))),
        ("revoked twice", "malformed", account_record(revoked=public(3) + public(3))),
        ("129 revoked", "malformed", account_record(revoked=b"".join(map(public, sorted_keys(*range(100, 229)))))),
        ("half a revoked key", "malformed", account_record(revoked=public(3)[:16])),
        ("over 16 KiB", "malformed", account_record(tail=bytes(16 << 10))),
        ("signed by a device", "signature", account_record(signer=2)),
        ("another label", "signature", account_record(label=DEVICE_LABEL)),
        ("no signature", "signature", good[:-64] + bytes(64)),
        ("S of the signature is L too great", "signature", greater_s(good)),
        ("a certificate of another account", "signature", account_record(devices=device(2, signer=3))),
        ("a certificate of another account, on a revoked device", "signature",
         account_record(devices=device(2, signer=3), revoked=public(2))),
    ]:
        block(out, comment, why, raw)
    return out


def greater_s(raw):
    """the same signature with S + L, which RFC 8032 refuses"""
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(raw[-32:], "little") + order
    return raw[:-32] + s.to_bytes(32, "little")


def device_good(out, comment, keys, capabilities, **kw):
    """keys: (kem, not-after, bytes)"""
    raw = device_record(
        keys=b"".join(seal_key(kem=kem, not_after=end, raw=key) for kem, end, key in keys),
        capabilities=b"".join(u8(word.encode()) for word in capabilities), **kw)
    fields = {
        "device": peer_id(public(DEVICE)), "dht_key": device_key(public(DEVICE)),
        "seq": kw.get("seq", 7), "issued": kw.get("issued", NOW),
        "keys": " ".join(f"{kem:04x}/{end}/{hashlib.sha3_256(key).hexdigest()}" for kem, end, key in keys),
        "capabilities": " ".join(capabilities),
    }
    block(out, comment, "ok", raw, **{k: v for k, v in fields.items() if v != ""})


def devices():
    out = []
    device_good(out, "no key, no capability", [], [])
    device_good(out, "one X-Wing key", [(0x647A, NOW + 1, xwing(9))], ["ice", "relay/1.0"])
    device_good(out, "two X-Wing keys and one of a KEM to come",
                [(0x647A, NOW + 3, xwing(9)), (0xFFFF, NOW + 2, b"?"), (0x647A, NOW + 1, xwing(8))], [])
    device_good(out, "four keys of 2048 bytes, 32 capabilities of 64 bytes",
                [(0xFFF0, NOW - n, bytes([n]) * 2048) for n in range(4)], [f"{n:02d}" + "-" * 62 for n in range(32)])
    device_good(out, "the greatest numbers", [(0x647A, MAX, xwing(9))], [], seq=MAX, issued=MAX)

    good, k = device_record(keys=seal_key()), seal_key()
    for comment, why, raw in [
        ("empty", "malformed", b""),
        ("cut by a byte", "malformed", good[:-1]),
        ("an account record", "malformed", account_record()),
        ("something after the lists", "malformed", device_record(tail=b"\0")),
        ("sequence number 0", "malformed", device_record(seq=0)),
        ("sequence number 2^53", "malformed", device_record(seq=MAX + 1)),
        ("a weak device key", "malformed", device_record(key=WEAK)),
        ("an X-Wing key a byte short", "malformed", device_record(keys=seal_key(raw=xwing(9)[:-1]))),
        ("an X-Wing key with a coefficient over q", "malformed", device_record(keys=seal_key(raw=b"\xff" * 1216))),
        ("an empty X-Wing key", "malformed", device_record(keys=seal_key(raw=b""))),
        ("KEM 0", "malformed", device_record(keys=seal_key(kem=0))),
        ("the key that lives longest comes last", "malformed", device_record(keys=seal_key(not_after=1) + seal_key(not_after=2))),
        ("two keys with the same end", "malformed", device_record(keys=k + k)),
        ("five keys", "malformed", device_record(keys=b"".join(seal_key(kem=7, raw=b"", not_after=9 - n) for n in range(5)))),
        ("a key of 2049 bytes", "malformed", device_record(keys=seal_key(kem=7, raw=bytes(2049)))),
        ("a key cut short", "malformed", device_record(keys=k[:-1])),
        ("not-after in 2^53", "malformed", device_record(keys=seal_key(not_after=MAX + 1))),
        ("capabilities out of order", "malformed", device_record(capabilities=u8(b"b") + u8(b"a"))),
        ("a capability twice", "malformed", device_record(capabilities=u8(b"a") + u8(b"a"))),
        ("an empty capability", "malformed", device_record(capabilities=u8(b""))),
        ("a capability in upper case", "malformed", device_record(capabilities=u8(b"ICE"))),
        ("a capability with a space inside", "malformed", device_record(capabilities=u8(b"a b"))),
        ("a capability of 65 bytes", "malformed", device_record(capabilities=u8(b"a" * 65))),
        ("33 capabilities", "malformed", device_record(capabilities=b"".join(u8(f"{n:02d}".encode()) for n in range(33)))),
        ("signed by another device", "signature", device_record(signer=3)),
        ("another label", "signature", device_record(label=LABEL)),
        ("no signature", "signature", good[:-64] + bytes(64)),
    ]:
        block(out, comment, why, raw)
    return out


for name, vectors in [("account-records", accounts()), ("device-records", devices())]:
    lines = ["# Vectors of docs/protocol.md, written by vectors.py; blocks end with an empty line.", ""]
    (HERE / f"{name}.txt").write_text("\n".join(lines + vectors))
