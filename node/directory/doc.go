// Package directory tells which devices an account has and to which key an
// offer to a device is sealed. Both answers are signed records on a DHT: an
// account record, signed by the account key, and a device record, signed by the
// device's own key. The package writes and checks the records, keeps one's own
// on the DHT, looks others' up, and remembers the newest of each, so that
// nobody can bring an older one back.
//
// It is no address book (the DHT's peer routing finds addresses) and no contact
// list, and it decides nothing about conversations: a record says who may
// connect, not what counts.
//
// # Account record
//
//	magic      4    "PSA1"
//	account    32   Ed25519 public key
//	seq        8    1 .. 2^53-1; the greatest counts
//	issued     8    ms since 1970
//	devices    2+n  n bytes of entries, at most 64, strictly ascending by key:
//	                key 32, added 8 (ms since 1970), name 1+n (UTF-8, n ≤ 64), certificate 64
//	revoked    2+n  n bytes of device keys, at most 128, strictly ascending
//	signature  64   the account's, over "passeur/account-record/1\0" ‖ all of the above
//
// A device that is listed and revoked is revoked. Its DHT key is
// "/passeur-acct/" and the base32 (lower case, unpadded) of SHA3-256 of the
// account's key.
//
// # Device record
//
//	magic         4    "PSD1"
//	device        32   Ed25519 public key
//	seq           8    1 .. 2^53-1; the greatest counts
//	issued        8    ms since 1970
//	keys          2+n  n bytes of entries, at most 4, not-after strictly descending:
//	                   KEM 2 (HPKE registry), not-after 8 (ms since 1970), key 2+n (n ≤ 2048)
//	capabilities  2+n  n bytes of entries, at most 32, strictly ascending:
//	                   1+n, n = 1..64 of a-z 0-9 and "-./"
//	signature     64   the device's, over "passeur/device-record/1\0" ‖ all of the above
//
// KEMs that are not known are skipped; a key of KEM 0x647a (X-Wing) must be
// sound. Its DHT key is "/passeur-dev/" and the device's peer ID in base58.
//
// Numbers are big endian. A record has at most 16 KiB and one encoding only; a
// reader refuses whatever is left over, out of order or beyond a limit.
package directory
