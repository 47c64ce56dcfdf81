#!/usr/bin/env python3
"""Writes drops.txt beside itself.

It follows docs/protocol.md with hashlib and the "cryptography" package, and shares no
code with the Go package that the vectors test.
"""
import base64
import hashlib
import pathlib

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = pathlib.Path(__file__).parent
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def private(n):
    """the key whose seed is 32 times the byte n"""
    return Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)


def public(n):
    return private(n).public_key().public_bytes_raw()


def peer(n):
    """a peer ID in binary: the identity hash of a libp2p Ed25519 public key"""
    return bytes.fromhex("002408011220") + public(n)


def rsa_peer():
    """a peer ID of another length: SHA-256 of something"""
    return bytes.fromhex("1220") + hashlib.sha256(b"an RSA key").digest()


def b58(raw):
    n, s = int.from_bytes(raw, "big"), ""
    while n:
        n, r = divmod(n, 58)
        s = B58[r] + s
    return "1" * (len(raw) - len(raw.lstrip(b"\0"))) + s


def claim(owner, listener, server, label=b"passeur/drop-claim/1\0"):
    message = label + bytes([len(listener)]) + listener + bytes([len(server)]) + server
    return private(owner).sign(message)


def vector(comment, expect, owner, listener, server, signature):
    inbox = hashlib.sha3_256(b"drop/1/" + public(owner)).digest()
    key = base64.b32encode(inbox).decode().lower().rstrip("=")
    return f"""
comment: {comment}
expect: {expect}
seed: {(bytes([owner]) * 32).hex()}
owner: {public(owner).hex()}
inbox: {inbox.hex()}
key: /passeur-inbox/{key}
listener: {b58(listener)}
server: {b58(server)}
signature: {signature.hex()}
"""


L = 2**252 + 27742317777372353535851937790883648493
good = claim(1, peer(2), peer(3))
high = good[:32] + (int.from_bytes(good[32:], "little") + L).to_bytes(32, "little")
vectors = [
    vector("the owner lets a device listen at a server", "success", 1, peer(2), peer(3), good),
    vector("a server with an RSA key", "success", 4, peer(2), rsa_peer(), claim(4, peer(2), rsa_peer())),
    vector("another device", "refused", 1, peer(5), peer(3), good),
    vector("another server", "refused", 1, peer(2), peer(5), good),
    vector("listener and server swapped", "refused", 1, peer(3), peer(2), good),
    vector("another owner", "refused", 4, peer(2), peer(3), good),
    vector("another label", "refused", 1, peer(2), peer(3), claim(1, peer(2), peer(3), b"passeur/drop-claim/2\0")),
    vector("S not below L", "refused", 1, peer(2), peer(3), high),
    vector("no signature", "refused", 1, peer(2), peer(3), bytes(64)),
]
HERE.joinpath("drops.txt").write_text("""# Drops: SHA3-256("drop/1/" + owner), their DHT keys, and the signature of a claim.
# Written by drops.py.
""" + "".join(vectors))
print(public(1).hex() + good.hex())
