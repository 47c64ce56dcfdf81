#!/usr/bin/env python3
"""Writes manifest.txt beside itself.

It follows docs/protocol.md with hashlib, and shares no code with the Go package
that the vectors test.
"""
import hashlib
import pathlib
import struct

MAGIC = b"passeur folder 1\n"


def varint(n):
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def text(s):
    return varint(len(s)) + s


def sha3(b):
    return hashlib.sha3_256(b).digest()


def root(content):
    """sha3tree of at most one part."""
    units = sha3(sha3(content + b"\0") + b"\1") if content else b""
    return sha3(units + struct.pack(">Q", len(content)) + b"\2")


def file(name, content=b"", kind=b"f", when=0):
    return kind + text(name) + struct.pack(">q", when) + varint(len(content)) + root(content)


def sized(name, size):
    return b"f" + text(name) + bytes(8) + size + bytes(32)


def folder(name, *inside, when=0):
    return b"d" + text(name) + struct.pack(">q", when) + b"".join(inside) + b"."


def link(name, target):
    return b"l" + text(name) + text(target)


def manifest(*inside):
    return MAGIC + b"".join(inside) + b"."


def nested(depth):
    inside = file(b"x")
    for _ in range(depth):
        inside = folder(b"a", inside)
    return inside


GOOD = [
    ("nothing is in it", manifest(), []),
    ("an empty file", manifest(file(b"a")), ["f a 0"]),
    ("a file of five bytes, of 3 Feb 2001, 04:05:06.7", manifest(file(b"a.txt", b"hello", when=981173106700000000)), ["f a.txt 5"]),
    ("a program", manifest(file(b"run.sh", b"#!", b"x")), ["x run.sh 2"]),
    ("before 1970", manifest(file(b"old", b"", when=-1)), ["f old 0"]),
    ("a file of 300 bytes: a number of two", manifest(file(b"a", b"a" * 300)), ["f a 300"]),
    ("a file of 2^40 bytes", manifest(sized(b"a", varint(1 << 40))), ["f a 1099511627776"]),
    ("folders, empty and not", manifest(folder(b"a"), folder(b"b", file(b"c", b"1")), file(b"b.", b"2")), ["d a", "d b", "f b/c 1", "f b. 1"]),
    ("links: beside, up, below", manifest(folder(b"a", link(b"l", b"../b"), link(b"m", b"..")), link(b"n", b"a/l")), ["d a", "l a/l ../b", "l a/m ..", "l n a/l"]),
    ("names that are no UTF-8, and of the longest", manifest(file(b"n" * 255), file(b"\xff\x01")), ["f " + "n" * 255 + " 0", "f \\xff\\x01 0"]),
    ("names that only look like traversal", manifest(file(b"..."), file(b"..\\x"), file(b"C:"), file(b"~")),
        ["f ... 0", "f ..\\\\x 0", "f C: 0", "f ~ 0"]),
]
BAD = [
    ("nothing at all", b""),
    ("another version", b"passeur folder 2\n."),
    ("no end", MAGIC),
    ("something after the end", manifest() + b"."),
    ("a folder that does not end", MAGIC + b"d" + text(b"a") + bytes(8) + b"."),
    ("a folder that ends twice", manifest(folder(b"a") + b".")),
    ("F1 above the root", manifest(file(b".."))),
    ("F1 this folder", manifest(folder(b"."))),
    ("F1 a path for a name", manifest(file(b"../x"))),
    ("F1 a path inside", manifest(file(b"a/../../x"))),
    ("F2 an absolute path", manifest(file(b"/etc/passwd"))),
    ("F5 a NUL", manifest(file(b"a\0b"))),
    ("F9 no name", manifest(file(b""))),
    ("F9 a name of 256 bytes", manifest(file(b"a" * 256))),
    ("F10 twice", manifest(file(b"a"), file(b"a"))),
    ("F10 a file and a folder", manifest(folder(b"a"), file(b"a"))),
    ("not in order", manifest(file(b"b"), file(b"a"))),
    ("S2 a link out of the folder", manifest(link(b"l", b"../x"))),
    ("S2 a link to the root of all", manifest(link(b"l", b"/"))),
    ("S2 a link to an absolute path", manifest(link(b"l", b"/etc"))),
    ("S2 a link that goes up after a name, which may be a link", manifest(folder(b"a", link(b"l", b"b/../..")))),
    ("S2 a link that goes up too far", manifest(folder(b"a", link(b"l", b"../..")))),
    ("a link with an empty element", manifest(link(b"l", b"a//b"))),
    ("a link to here", manifest(link(b"l", b"."))),
    ("a link to nothing", manifest(link(b"l", b""))),
    ("a link with a NUL", manifest(link(b"l", b"a\0"))),
    ("S2 a device", manifest(b"b" + text(b"a") + bytes(8))),
    ("a kind that does not exist", manifest(b"F" + text(b"a"))),
    ("N6 a number that is longer than it needs", manifest(b"f\x81\x00a" + bytes(8) + b"\0" + bytes(32))),
    ("N6 a number that does not end", MAGIC + b"f\xff\xff\xff"),
    ("N6 a number beyond 64 bits", manifest(sized(b"a", b"\xff" * 9 + b"\x7f"))),
    ("N6 a name that is longer than the rest", MAGIC + b"f\x7fa."),
    ("a sum that is cut off", MAGIC + b"f" + text(b"a") + bytes(8) + b"\0" + bytes(31)),
]

LIMIT = [
    ("N1 2^63 bytes", manifest(sized(b"a", varint(1 << 63)))),
    ("N1 2^64-1 bytes", manifest(sized(b"a", varint((1 << 64) - 1)))),
    ("N1 sizes that overflow together", manifest(*(sized(b"%d" % i, varint((1 << 62) - 1000)) for i in range(5)))),
    ("F9 129 elements", manifest(nested(128))),
    ("F9 a path of 4097 bytes", manifest(eval("folder(b'a'*255," * 16 + "file(b'x'*2)" + ")" * 16))),
]

with open(pathlib.Path(__file__).with_name("manifest.txt"), "w") as out:
    out.write("""# Manifests of folders, made by manifest.py, not by this package.
# manifest: its bytes in hex.
# error: what it is refused with, "manifest" (it is none) or "limit" (it is too large).
# entry1, entry2 ...: kind, path (Go's escapes, without quotes) and size or target of each.
""")
    for comment, raw, entries in GOOD:
        out.write(f"\ncomment: {comment}\nmanifest: {raw.hex()}\n")
        for i, line in enumerate(entries, 1):
            out.write(f"entry{i}: {line}\n")
    for error, vectors in (("manifest", BAD), ("limit", LIMIT)):
        for comment, raw in vectors:
            out.write(f"\ncomment: {comment}\nmanifest: {raw.hex()}\nerror: {error}\n")
