#!/usr/bin/env python3
"""Writes entries.txt and contents.txt beside itself.

It follows docs/protocol.md with hashlib, the "cryptography" package and some
lines of curve arithmetic, and shares no code with the Go package that the
vectors test.
"""
import hashlib
import json
import pathlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from vectors import WEAK, account, block, peer_id, private, public

HERE = pathlib.Path(__file__).parent
LABEL = b"passeur/entry/1\0"
CERT = b"passeur/device-cert/1\0"
REVOKE = b"passeur/device-revoke/1\0"
TEXT, FILE = "text/plain", "application/data-transfer+json"
ALICE, PHONE, LAPTOP = "a1" * 32, "d1" * 32, "d2" * 32  # seeds: an account, two devices of hers
BOB, TABLET = "b1" * 32, "e1" * 32
SALT = bytes(range(16))
NOON = 1790000000000
SUM, TREE = "5a" * 64, "7e" * 32


def sha3(data):
    return hashlib.sha3_256(data).digest()


def fields(**keys):
    return json.dumps(keys, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def cert(owner=ALICE, device=PHONE, label=CERT):
    return private(owner).sign(label + public(owner) + public(device))


def header(conversation, content=b"", account=public(ALICE), device=public(PHONE), time=NOON, parents=None, n=None,
           type=TEXT, cert=b"", magic=b"PSE1", size=None, salt=SALT, sum=None, left=b""):
    """Any part can be made wrong by itself."""
    parents = [conversation] if parents is None else parents
    type = type.encode() if isinstance(type, str) else type
    body = salt + content
    return (magic + conversation + account + device + time.to_bytes(8, "big")
            + bytes([len(parents) if n is None else n]) + b"".join(parents)
            + bytes([len(type)]) + type + bytes([len(cert)]) + cert
            + (len(body) if size is None else size).to_bytes(4, "big") + (sum or sha3(body)) + left)


FIRST = header(bytes(32), fields(mode="group", name="Sunday walks", rules="1"), parents=[], type="initial", cert=cert())
CONVERSATION = sha3(LABEL + FIRST)
PARENTS = sorted(sha3(bytes([i])) for i in range(17))

entries, contents = [], []


def entry(comment, expect, raw, signature, body, **more):
    if body is not None:
        more["body"] = body.hex()
    block(entries, comment=comment, expect=expect, header=raw.hex(), signature=signature.hex(), **more)


def good(comment, content, seed=PHONE, owner=ALICE, conversation=CONVERSATION, withheld=False, **parts):
    """An entry, and everything that a reader must find in it."""
    more = {k: parts.pop(k) for k in list(parts) if k.startswith("says_")}
    raw = header(conversation, content, account=public(owner), device=public(seed), **parts)
    if "parents" not in parts:
        parts["parents"] = [conversation]
    identity = sha3(LABEL + raw)
    if parts.get("cert"):
        more["certificate"] = parts["cert"].hex()
    if parts["parents"]:
        more["parents"] = " ".join(p.hex() for p in parts["parents"])
    entry(comment, "ok", raw, private(seed).sign(LABEL + raw), None if withheld else SALT + content,
          id=identity.hex(), conversation=(conversation if any(conversation) else identity).hex(),
          account=account(public(owner)), device=peer_id(public(seed)), device_seed=seed, time=parts.get("time", NOON),
          type=parts.get("type", TEXT), content=content.hex(),
          **{k.removeprefix("says_"): v for k, v in more.items()})


def bad(comment, expect="entry", content=b"hello", body=b"", conversation=CONVERSATION, seed=PHONE, **parts):
    """An entry with one fault, under a right signature."""
    raw = header(conversation, content, **parts)
    body = SALT + content if body == b"" else body
    entry(comment, expect, raw, private(seed).sign(LABEL + raw), body)


def good_entries():
    def first(comment, content, **says):
        good(comment, content, conversation=bytes(32), parents=[], type="initial", cert=cert(), says_action="initial", **says)

    first("the first entry of a group", fields(mode="group", name="Sunday walks", rules="1"), says_mode="group",
          says_name="Sunday walks")
    first("the first entry of a group without a name", fields(mode="group", rules="1"), says_mode="group")
    first("the first entry between two", fields(mode="one-to-one", rules="1", **{"with": account(public(BOB))}),
          says_mode="one-to-one", says_with=account(public(BOB)))
    first("the first entry of an account's own conversation", fields(mode="own", rules="1"), says_mode="own")
    for action in ["invite", "remove", "ban", "unban", "promote", "demote"]:
        good(f"member: {action}", fields(action=action, uri=account(public(BOB))), type="member", says_action=action,
             says_target=account(public(BOB)))
    good("member: join, the first entry of a device", fields(action="join"), seed=TABLET, owner=BOB,
         cert=cert(BOB, TABLET), type="member", says_action="join")
    good("member: leave", fields(action="leave"), type="member", says_action="leave")
    for comment, parents in [("one parent", PARENTS[:1]), ("two parents", PARENTS[:2])]:
        good(f"device: revoke, {comment}", revocation(parents), parents=parents, type="device", says_action="revoke",
             says_revoked=peer_id(public(LAPTOP)), says_account_seed=ALICE)
    good("a text: 253 bytes of header and signature", b"hello")
    good("a text by a device that was not here before: 317 bytes", "grüezi 👋".encode(), seed=LAPTOP, cert=cert(device=LAPTOP))
    good("an empty text", b"")
    good("a text that is not UTF-8 is an entry all the same", b"\xff\xfe")
    good("its body is withheld", b"deleted later", withheld=True)
    good("a file", fields(displayName="photo.jpg", sha3sum=SUM, tid="4711", totalSize="12345", type=FILE), type=FILE)
    good("a merge of 16 parents", b"", parents=PARENTS[:16], type="application/x-passeur-merge")
    good("an unknown type", b"\x00\x01\x02", type="application/vnd.somebody-else.thing;v=2")
    good("an unknown type of one character", b"?", type="x")
    good("a type of 96 characters", b"?", type="a" * 96)
    good("the first millisecond", b"hello", time=0)
    good("the last millisecond: 2^53 - 1", b"hello", time=2**53 - 1)


def revocation(parents, conversation=CONVERSATION, device=LAPTOP, owner=ALICE, label=REVOKE):
    signed = label + conversation + public(device) + sha3(b"".join(parents))
    return fields(action="revoke", device=peer_id(public(device)), sig=private(owner).sign(signed).hex())


def bad_headers():
    bad("another magic", magic=b"PSE2")
    bad("a byte is left over", left=b"\0")
    whole = header(CONVERSATION, b"hello")
    for cut in [0, 3, 35, 67, 99, 107, 108, 140, 141, 151, 152, 153, 156, len(whole) - 1]:
        entry(f"cut after {cut} bytes", "entry", whole[:cut], private(PHONE).sign(LABEL + whole[:cut]), SALT + b"hello")
    bad("time is 2^53", time=2**53)
    bad("time is 2^64 - 1", time=2**64 - 1)
    bad("no parents", parents=[])
    bad("parents not in order", parents=[PARENTS[1], PARENTS[0]])
    bad("a parent twice", parents=[PARENTS[0], PARENTS[0]])
    bad("17 parents", parents=PARENTS)
    bad("more parents announced than there are", n=2)
    for comment, kind in [("an empty type", ""), ("a type of 97 characters", "a" * 97), ("a capital in the type", "text/Plain"),
                          ("a space in the type", "text/ plain"), ("a line break in the type", "text/plain\n"),
                          ("DEL in the type", b"text/plain\x7f"), ("a letter beyond ASCII in the type", "text/plaın")]:
        bad(comment, type=kind)
    bad("a certificate of 63 bytes", cert=cert()[:63])
    bad("a certificate of 65 bytes", cert=cert() + b"\0")
    bad("two certificates", cert=cert() + cert())
    for comment, key in WEAK:
        bad(f"weak device key, {comment}", device=bytes.fromhex(key))
        bad(f"weak account key, {comment}", account=bytes.fromhex(key))


def bad_bodies():
    bad("a body shorter than its salt", salt=SALT[:15], content=b"", body=SALT[:15])
    bad("a body of nothing", salt=b"", content=b"", body=b"")
    bad("a body longer than 65536 bytes", size=65537)
    bad("a withheld body longer than 65536 bytes", size=65537, body=None)
    bad("a control body longer than 1024 bytes", type="member", size=1025)
    bad("one byte of the body is another", "body", body=SALT + b"hellO")
    bad("the body goes on", "body", body=SALT + b"hello!")
    bad("the body is cut", "body", body=SALT + b"hell")
    bad("the sum is of the content without its salt", "body", sum=sha3(b"hello"))
    for kind, content in [("initial", fields(mode="group", rules="1")), ("member", fields(action="leave")),
                          ("device", revocation([CONVERSATION]))]:
        first = dict(conversation=bytes(32), parents=[], cert=cert()) if kind == "initial" else {}
        bad(f"the body of a control entry is withheld: {kind}", "body", type=kind, content=content, body=None, **first)


def bad_places():
    content = fields(mode="group", rules="1")
    bad("a first entry with a conversation", type="initial", content=content, parents=[], cert=cert())
    bad("a first entry with a parent", type="initial", content=content, conversation=bytes(32), parents=PARENTS[:1], cert=cert())
    bad("a first entry without certificate", type="initial", content=content, conversation=bytes(32), parents=[])
    bad("a text without conversation", conversation=bytes(32), parents=PARENTS[:1])
    bad("a text as first entry", conversation=bytes(32), parents=[], cert=cert())
    bad("initial in the middle", type="initial", content=content, cert=cert())


def bad_controls():
    alice, bob, laptop = account(public(ALICE)), account(public(BOB)), peer_id(public(LAPTOP))
    both = {"with": bob}
    for comment, content in [
        ("rules 2", fields(mode="group", rules="2")),
        ("no rules", fields(mode="group")),
        ("unknown mode", fields(mode="public", rules="1")),
        ("no mode", fields(rules="1")),
        ("an unknown key", fields(mode="group", rules="1", topic="cats")),
        ("a group with somebody", fields(mode="group", rules="1", **both)),
        ("own with somebody", fields(mode="own", rules="1", **both)),
        ("one-to-one with nobody", fields(mode="one-to-one", rules="1")),
        ("one-to-one with oneself", fields(mode="one-to-one", rules="1", **{"with": alice})),
        ("one-to-one with a weak key", fields(mode="one-to-one", rules="1", **{"with": account(bytes.fromhex(WEAK[0][1]))})),
        ("rules is a number", b'{"mode":"group","rules":1}'),
        ("a longer name than fits", fields(mode="group", rules="1", name="x" * 1000)),
    ]:
        bad(f"initial: {comment}", type="initial", content=content, conversation=bytes(32), parents=[], cert=cert())
    for comment, content in [
        ("unknown action", fields(action="vote", uri=bob)),
        ("no action", fields(uri=bob)),
        ("an action of another type", fields(action="revoke", uri=bob)),
        ("action in capitals", fields(action="Ban", uri=bob)),
        ("invite nobody", fields(action="invite")),
        ("join with a target", fields(action="join", uri=bob)),
        ("leave with a target", fields(action="leave", uri=alice)),
        ("an unknown key", fields(action="ban", uri=bob, reason="spam")),
        ("an account in capitals", fields(action="ban", uri=bob.upper())),
        ("an account with white space", fields(action="ban", uri=bob + " ")),
        ("no account", fields(action="ban", uri="passeur:bob")),
        ("a weak key", fields(action="ban", uri=account(bytes.fromhex(WEAK[0][1])))),
        ("a key twice", b'{"action":"ban","action":"leave"}'),
        ("a key twice, once escaped", b'{"action":"leave","\\u0061ction":"leave"}'),
        ("a value is null", b'{"action":"leave","uri":null}'),
        ("a value is an object", b'{"action":{"a":"leave"}}'),
        ("a value is a list", b'{"action":["leave"]}'),
        ("a list", b'["leave"]'),
        ("a string", b'"leave"'),
        ("nothing", b""),
        ("white space", b" "),
        ("not JSON", b"leave"),
        ("cut", b'{"action":"leave"'),
        ("something after the object", b'{"action":"leave"}x'),
        ("a second object", b'{"action":"leave"}{}'),
        ("a zero byte after the object", b'{"action":"leave"}\0'),
        ("a byte order mark", b'\xef\xbb\xbf{"action":"leave"}'),
        ("a comma at the end", b'{"action":"leave",}'),
        ("a comma at the beginning", b'{,"action":"leave"}'),
        ("single quotes", b"{'action':'leave'}"),
        ("a key without quotes", b'{action:"leave"}'),
        ("a comment", b'{"action":"leave"/**/}'),
        ("not UTF-8", b'{"action":"leave\xff"}'),
        ("overlong UTF-8", b'{"action":"\xc1\xacave"}'),
        ("a surrogate in UTF-8", b'{"action":"leave","x":"\xed\xa0\x80"}'),
        ("a line break inside a string", b'{"action":"leave\n"}'),
        ("an unknown escape", b'{"action":"\\leave"}'),
        ("half of a surrogate pair", b'{"action":"leave","\\ud83d":"x"}'),
    ]:
        bad(f"member: {comment}", type="member", content=content)
    for comment, content in [
        ("no signature", fields(action="revoke", device=laptop)),
        ("a signature of 63 bytes", fields(action="revoke", device=laptop, sig="00" * 63)),
        ("a signature in capitals", fields(action="revoke", device=laptop, sig="AB" * 64)),
        ("no device", fields(action="revoke", sig="00" * 64)),
        ("an account as device", fields(action="revoke", device=bob, sig="00" * 64)),
        ("a device as CID", fields(action="revoke", device="bafzaajaiaejcbjwogy2ehm6b3rvqkpc2qyqxjfrcxpvlwqlpgjqdpuwnrbwqs6f4", sig="00" * 64)),
        ("a device with a weak key", fields(action="revoke", device=peer_id(bytes.fromhex(WEAK[0][1])), sig="00" * 64)),
        ("an action of another type", fields(action="ban", device=laptop, sig="00" * 64)),
        ("an unknown key", fields(action="revoke", device=laptop, sig="00" * 64, uri=alice)),
    ]:
        bad(f"device: {comment}", type="device", content=content)
    for comment, content in [
        ("signed by another account", revocation(PARENTS[:2], owner=BOB)),
        ("signed by the device alone", revocation(PARENTS[:2], owner=PHONE)),
        ("of another conversation", revocation(PARENTS[:2], conversation=PARENTS[5])),
        ("replayed with other parents", revocation(PARENTS[2:4])),
        ("replayed with one parent less", revocation(PARENTS[:1])),
        ("signed with the parents in another order", revocation([PARENTS[1], PARENTS[0]])),
        ("signature of another device's revocation", revocation(PARENTS[:2], device=TABLET).replace(
            peer_id(public(TABLET)).encode(), laptop.encode())),
        ("another label", revocation(PARENTS[:2], label=b"passeur/device-revoke/2\0")),
    ]:
        bad(f"device: {comment}", "signature", type="device", content=content, parents=PARENTS[:2])


def bad_signatures():
    raw = header(CONVERSATION, b"hello")
    body, right = SALT + b"hello", private(PHONE).sign(LABEL + raw)
    for comment, signature in [
        ("by another device", private(LAPTOP).sign(LABEL + raw)),
        ("by the account", private(ALICE).sign(LABEL + raw)),
        ("without label", private(PHONE).sign(raw)),
        ("with another label", private(PHONE).sign(b"passeur/entry/2\0" + raw)),
        ("of zeros", bytes(64)),
    ]:
        entry(f"signature {comment}", "signature", raw, signature, body)
    entry("signature of 63 bytes", "entry", raw, right[:63], body)
    entry("signature of 65 bytes", "entry", raw, right + b"\0", body)
    other = header(PARENTS[3], b"hello", parents=[CONVERSATION])
    entry("moved to another conversation, under the signature it had", "signature", other,
          private(PHONE).sign(LABEL + header(CONVERSATION, b"hello")), body)
    for comment, certificate in [
        ("of another account", cert(owner=BOB)),
        ("of another device", cert(device=LAPTOP)),
        ("with another label", cert(label=b"passeur/device-cert/2\0")),
        ("with S + L", plus_order(cert(), 1)),
        ("of zeros", bytes(64)),
    ]:
        bad(f"certificate {comment}", "signature", cert=certificate)


# --- Ed25519 at its edges (RFC 8032 section 5.1) ---

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
BASE = (15112221349535400772501151409588531511454012693041857206046113283949847762202,
        46316835694926478169428394003475163141307993866256225615783033603165251855960)
IDENTITY = (0, 1)


def add(p, q):
    (x1, y1), (x2, y2) = p, q
    t = D * x1 * x2 * y1 * y2 % P
    return (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P


def times(n, p):
    out = IDENTITY
    while n:
        if n & 1:
            out = add(out, p)
        p, n = add(p, p), n >> 1
    return out


def encode(p):
    return (p[1] | (p[0] & 1) << 255).to_bytes(32, "little")


def decode(raw):
    number = int.from_bytes(raw, "little")
    y, sign = number % 2**255, number >> 255
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, -1, P) % P
    x = pow(x, (P + 3) // 8, P)
    if (v * x * x - u) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (v * x * x - u) % P == 0
    return (P - x if x & 1 != sign else x), y


def number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def plus_order(signature, n):
    return signature[:32] + (int.from_bytes(signature[32:], "little") + n * L).to_bytes(32, "little")


def edge_signatures():
    seed = bytes.fromhex(PHONE)
    digest = hashlib.sha512(seed).digest()
    secret = (int.from_bytes(digest[:32], "little") & (2**254 - 8)) | 2**254
    key = times(secret, BASE)
    assert encode(key) == public(PHONE)
    eight = decode(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"))
    assert times(8, eight) == IDENTITY != times(4, eight)
    mixed = add(key, eight)

    def edge(comment, expect, raw, r, s):
        signature = r + s.to_bytes(32, "little")
        try:
            Ed25519PublicKey.from_public_bytes(raw[68:100]).verify(signature, LABEL + raw)
            agrees = expect == "ok"
        except InvalidSignature:
            agrees = expect == "signature"
        assert agrees, f"OpenSSL judges otherwise: {comment}"
        more = {"device-key": raw[68:100].hex()} if expect == "ok" else {}
        entry(f"Ed25519: {comment}", expect, raw, signature, SALT + b"hello", **more)

    def challenge(raw, r):
        # modulo L before it multiplies a key of mixed order: as everybody does, and as RFC 8032 leaves open
        return number(r, raw[68:100], LABEL, raw) % L

    raw = header(CONVERSATION, b"hello")
    right = private(PHONE).sign(LABEL + raw)
    s = int.from_bytes(right[32:], "little")
    for n in [1, 2, 14]:
        edge(f"S + {n}L" if n > 1 else "S + L", "signature", raw, right[:32], s + n * L)
    edge("S = L, R and key of the equation 0 = R + kA", "signature", raw, encode(IDENTITY), L)
    one = encode(IDENTITY)
    edge("R is the identity, and the equation holds", "ok", raw, one, challenge(raw, one) * secret % L)
    for comment, r in [("y = p + 1", (P + 1).to_bytes(32, "little")), ("sign bit of x = 0 set", (1 | 1 << 255).to_bytes(32, "little"))]:
        edge(f"R is the identity, not canonical: {comment}", "signature", raw, r, challenge(raw, r) * secret % L)
    r = encode(eight)
    edge("R of order 8: the equation holds only times the cofactor", "signature", raw, r, challenge(raw, r) * secret % L)
    r = encode(add(times(7, BASE), eight))
    edge("R of mixed order: the equation holds only times the cofactor", "signature", raw, r, (7 + challenge(raw, r) * secret) % L)

    raw = header(CONVERSATION, b"hello", device=encode(mixed))
    holds, fails = None, None
    for nonce in range(1, 1000):
        r = encode(times(nonce, BASE))
        k = challenge(raw, r)
        if k % 8 == 0:
            holds = holds or (r, (nonce + k * secret) % L)
        else:
            fails = fails or (r, (nonce + k * secret) % L)
    edge("key of mixed order, and the equation holds", "ok", raw, *holds)
    edge("key of mixed order: the equation holds only times the cofactor", "signature", raw, *fails)


def content(kind, comment, expect, raw, **says):
    raw = raw.encode() if isinstance(raw, str) else raw
    block(contents, comment=comment, type=kind, expect=expect, content=raw.hex(), **says)


def texts():
    other = PARENTS[0].hex()
    also = " ".join(p.hex() for p in PARENTS[1:3])

    def marked(**keys):
        return b"\0" + fields(**keys)

    content(TEXT, "a text", "ok", "hello", text=b"hello".hex())
    content(TEXT, "an empty text", "ok", "", text="")
    content(TEXT, "hostile text stays as it is", "ok", "\x1b[2J\u202e<b>\r\n", text="\x1b[2J\u202e<b>\r\n".encode().hex())
    content(TEXT, "JSON without the mark is the text", "ok", fields(body="x", edit=other), text=fields(body="x", edit=other).hex())
    content(TEXT, "an edit", "ok", marked(body="hello!", edit=other), text=b"hello!".hex(), edit=other)
    content(TEXT, "a deletion", "ok", marked(body="", edit=other), text="", edit=other, deleted="yes")
    content(TEXT, "a deletion that takes edits along", "ok", marked(also=also, body="", edit=other), text="", edit=other, deleted="yes", also=also)
    content(TEXT, "a text that begins with U+0000", "ok", b'\0{"body":"\\u0000x"}', text=b"\0x".hex())
    content(TEXT, "unknown keys are ignored", "same", marked(body="x", mood="good"), text=b"x".hex())
    content(TEXT, "edits that a mere edit names are ignored", "same", marked(also="?", body="x", edit=other), text=b"x".hex(), edit=other)
    content(TEXT, "white space and escapes", "same", '\0 { "body" : "\\ud83d\\udc4b\\/\\n" }\n', text="👋/\n".encode().hex())
    content(TEXT, "not UTF-8", "error", b"caf\xe9")
    content(TEXT, "the mark alone", "error", b"\0")
    content(TEXT, "no body", "error", marked(edit=other))
    content(TEXT, "a key twice", "error", b'\0{"body":"a","body":"b"}')
    content(TEXT, "a value that is no string", "error", b'\0{"body":"a","n":1}')
    for comment, escape in [("the first half", "\\ud83d"), ("the second half", "\\udc4b"), ("the halves in the wrong order", "\\udc4b\\ud83d"),
                            ("the first half twice", "\\ud83d\\ud83d"), ("the first half and a letter", "\\ud83dx"),
                            ("the first half and another escape", "\\ud83d\\n")]:
        content(TEXT, f"surrogates: {comment}", "error", '\0{"body":"%s"}' % escape)
    for comment, escape in [("no digits", "\\u"), ("three digits", "\\u123"), ("no hex digits", "\\u12g4"), ("a sign", "\\u+123"),
                            ("a capital U", "\\U0001f44b"), ("hex of one byte", "\\x41"), ("nothing", "\\")]:
        content(TEXT, f"escape: {comment}", "error", '\0{"body":"%s"}' % escape)
    content(TEXT, "edit is no id", "error", marked(body="x", edit="12"))
    content(TEXT, "edit in capitals", "error", marked(body="x", edit=other.upper()))
    content(TEXT, "edit of zeros", "error", marked(body="x", edit="00" * 32))
    content(TEXT, "edit is empty", "error", marked(body="x", edit=""))
    content(TEXT, "also is no list of ids", "error", marked(also=also + " ", body="", edit=other))
    content(TEXT, "an id twice in also", "error", marked(also=other + " " + other, body="", edit=other))


def files():
    other = PARENTS[0].hex()
    also = " ".join(p.hex() for p in PARENTS[1:3])
    whole = dict(displayName="photo.jpg", sha3sum=SUM, tid="4711", totalSize="12345", type=FILE)
    says = dict(display_name=b"photo.jpg".hex(), sha3sum=SUM, tid="4711", total_size="12345")

    def without(*keys):
        return {k: v for k, v in whole.items() if k not in keys}

    content(FILE, "a file", "ok", fields(**whole), **says)
    content(FILE, "a file of which only the tree is known", "ok", fields(sha3tree=TREE, **without("sha3sum")),
            sha3tree=TREE, **{k: v for k, v in says.items() if k != "sha3sum"})
    content(FILE, "a folder", "ok", fields(manifest="12345", sha3tree=TREE, **whole), manifest="12345", sha3tree=TREE, **says)
    content(FILE, "an edit that adds the sum", "ok", fields(edit=other, sha3sum=SUM, totalSize="12345", type=FILE),
            edit=other, sha3sum=SUM, total_size="12345")
    content(FILE, "a file with a tree", "ok", fields(sha3tree=TREE, **whole), sha3tree=TREE, **says)
    content(FILE, "an empty file", "ok", fields(**whole | {"totalSize": "0"}), **says | {"total_size": "0"})
    content(FILE, "the greatest numbers", "ok", fields(**whole | {"totalSize": str(2**53 - 1), "tid": str(2**53 - 1)}),
            **says | {"total_size": str(2**53 - 1), "tid": str(2**53 - 1)})
    content(FILE, "other keys are kept", "ok", fields(**whole | {"reply-to": other, "a": ""}), extra=fields(**{"reply-to": other, "a": ""}).decode(), **says)
    content(FILE, "a hostile name stays as it is", "ok", fields(**whole | {"displayName": "../\u202egpj.exe"}),
            **says | {"display_name": "../\u202egpj.exe".encode().hex()})
    content(FILE, "no type", "same", fields(**without("type")), **says)
    content(FILE, "no name", "ok", fields(**without("displayName")), **{k: v for k, v in says.items() if k != "display_name"})
    content(FILE, "an edit of the name", "ok", fields(displayName="x", edit=other, type=FILE), display_name=b"x".hex(), edit=other)
    content(FILE, "an edit that adds the tree", "ok", fields(sha3tree=TREE, edit=other, type=FILE), sha3tree=TREE, edit=other)
    content(FILE, "an edit that repeats all", "ok", fields(edit=other, **whole), edit=other, **says)
    content(FILE, "a deletion", "ok", fields(edit=other, tid="", type=FILE), edit=other, deleted="yes")
    content(FILE, "a deletion that takes edits along", "ok", fields(also=also, edit=other, tid="", type=FILE), edit=other, deleted="yes", also=also)
    content(FILE, "a deletion as Jami writes it", "same", fields(edit=other, tid=""), edit=other, deleted="yes")
    content(FILE, "what a deletion says beside is ignored", "same", fields(edit=other, **whole | {"tid": "", "totalSize": "?"}), edit=other, deleted="yes")
    for comment, keys in [
        ("no sum", without("sha3sum")), ("no size", without("totalSize")),
        ("a tree and no size", without("sha3sum", "totalSize") | {"sha3tree": TREE}),
        ("a manifest of 0 bytes", whole | {"manifest": "0"}), ("a manifest that is no number", whole | {"manifest": "?"}),
        ("a manifest longer than the whole", whole | {"manifest": "12346"}), ("an edit with nothing but a manifest", {"edit": other, "manifest": "1"}), ("no tid", without("tid")),
        ("an empty tid and no edit", whole | {"tid": ""}), ("a tid of 0", whole | {"tid": "0"}),
        ("a tid of 2^53", whole | {"tid": str(2**53)}), ("a tid of letters", whole | {"tid": "abc"}),
        ("a size of -1", whole | {"totalSize": "-1"}), ("a size of 2^53", whole | {"totalSize": str(2**53)}),
        ("a size of 2^64", whole | {"totalSize": str(2**64)}), ("a size of +1", whole | {"totalSize": "+1"}),
        ("a size of 01", whole | {"totalSize": "01"}), ("a size of 1.0", whole | {"totalSize": "1.0"}),
        ("a size with white space", whole | {"totalSize": " 1"}), ("a size of digits beyond ASCII", whole | {"totalSize": "١"}),
        ("an empty sum", whole | {"sha3sum": ""}), ("a sum of 63 bytes", whole | {"sha3sum": "5a" * 63}),
        ("a sum in capitals", whole | {"sha3sum": "5A" * 64}), ("a sum that is not hex", whole | {"sha3sum": "zz" * 64}),
        ("an empty tree", whole | {"sha3tree": ""}), ("a tree of 64 bytes", whole | {"sha3tree": SUM}),
        ("another type", whole | {"type": TEXT}), ("edit is no id", whole | {"edit": "?"}), ("edit is empty", whole | {"edit": ""}),
        ("an edit with a size and no sum", {"edit": other, "totalSize": "1"}),
        ("an edit with a sum and no size", {"edit": other, "sha3sum": SUM}),
        ("also is no list of ids", {"edit": other, "tid": "", "also": ""}),
    ]:
        content(FILE, comment, "error", fields(**keys))
    content(FILE, "not JSON", "error", "photo.jpg")
    content(FILE, "a size that is a number", "error", b'{"displayName":"x","sha3sum":"%s","tid":"1","totalSize":1}' % SUM.encode())
    content(FILE, "a key twice", "error", fields(**whole)[:-1] + b',"tid":"4712"}')
    content(FILE, "not UTF-8", "error", fields(**whole).replace(b"photo", b"ph\xf6to"))


good_entries()
bad_headers()
bad_bodies()
bad_places()
bad_controls()
bad_signatures()
edge_signatures()
texts()
files()
for name, out in [("entries", entries), ("contents", contents)]:
    lines = ["# Vectors of docs/protocol.md, written by entries.py; blocks end with an empty line.", ""]
    (HERE / f"{name}.txt").write_text("\n".join(lines + out))
