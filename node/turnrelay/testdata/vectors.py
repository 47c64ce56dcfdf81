#!/usr/bin/env python3
"""Writes messages.txt: what a client and a TURN server say, from the RFCs alone."""
import binascii, hashlib, hmac, socket, struct

COOKIE = 0x2112A442
TID, TID2 = b"transaction1", b"transaction2"
USER, REALM, PASSWORD = b"user", b"example.org", b"pass word"
KEY = hashlib.md5(USER + b":" + REALM + b":" + PASSWORD).digest()  # RFC 8489 9.2.2

ALLOCATE, REFRESH, PERMISSION, BIND, ATTEMPT = 0x003, 0x004, 0x008, 0x00B, 0x00C
REQUEST, INDICATION, SUCCESS, ERROR = 0x000, 0x010, 0x100, 0x110


def attr(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + b"\0" * (-len(value) % 4)


def message(kind, tid, attrs, sign=False, fingerprint=True):
    body = b"".join(attrs)
    head = lambda n: struct.pack(">HHI", kind, n, COOKIE) + tid
    if sign:
        mac = hmac.new(KEY, head(len(body) + 24) + body, hashlib.sha1).digest()
        body += attr(0x0008, mac)
    if fingerprint:
        crc = binascii.crc32(head(len(body) + 8) + body) ^ 0x5354554E
        body += attr(0x8028, struct.pack(">I", crc))
    return head(len(body)) + body


def xor_address(host, port, tid):
    v6 = ":" in host
    ip = socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, host)
    mask = struct.pack(">I", COOKIE) + tid
    return bytes([0, 2 if v6 else 1]) + struct.pack(">H", port ^ COOKIE >> 16) + bytes(a ^ b for a, b in zip(ip, mask))


transport = attr(0x0019, bytes([6, 0, 0, 0]))  # REQUESTED-TRANSPORT: TCP
user = [attr(0x0006, USER), attr(0x0014, REALM)]
nonce, fresh = attr(0x0015, b"nonce"), attr(0x0015, b"fresh")
family = {"IPv4": attr(0x0017, bytes([1, 0, 0, 0])), "IPv6": attr(0x0017, bytes([2, 0, 0, 0]))}
connection = attr(0x002A, bytes([1, 2, 3, 4]))

vectors = {
    "client's anonymous allocate": message(ALLOCATE, TID, [transport]),
    "client's signed allocate": message(ALLOCATE, TID, [transport] + user + [nonce], sign=True),
}
for name, f in family.items():
    vectors["anonymous allocate " + name] = message(ALLOCATE, TID, [transport, f])
    vectors["signed allocate " + name] = message(ALLOCATE, TID, [transport] + user + [nonce, f], sign=True)
vectors.update({
    "challenge": message(ALLOCATE | ERROR, TID, [attr(0x0009, bytes([0, 0, 4, 1]) + b"Unauthorized"), user[1], nonce]),
    "allocate success": message(ALLOCATE | SUCCESS, TID, [
        attr(0x0016, xor_address("2001:db8::5", 49152, TID)),
        attr(0x0020, xor_address("192.0.2.9", 1234, TID)),
        attr(0x000D, struct.pack(">I", 600))], sign=True),
    "quota reached": message(ALLOCATE | ERROR, TID, [attr(0x0009, bytes([0, 0, 4, 86]) + b"Allocation Quota Reached")]),
    "permission": message(PERMISSION, TID, [attr(0x0012, xor_address("192.0.2.7", 0, TID))] + user + [nonce], sign=True),
    "last refresh": message(REFRESH, TID, [attr(0x000D, struct.pack(">I", 0))] + user + [nonce], sign=True),
    "connection attempt": message(ATTEMPT | INDICATION, TID, [attr(0x0012, xor_address("192.0.2.7", 50000, TID)), connection]),
    "connectionbind": message(BIND, TID, [connection] + user + [nonce], sign=True),
    "connectionbind fresh nonce": message(BIND, TID2, [connection] + user + [fresh], sign=True),
})

print("# TURN over TCP (RFC 8656, RFC 6062, RFC 6156): messages with transaction id")
print("# \"transaction1\" (or 2), user \"user\", realm \"example.org\", password \"pass word\".")
print("# Written by vectors.py. A line that begins with a space goes on with the one before.")
for name, raw in vectors.items():
    print("\n" + name + ":")
    for i in range(0, len(raw), 32):
        print(" " + raw[i:i + 32].hex())
