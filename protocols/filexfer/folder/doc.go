// Package folder makes a folder, or a set of files, one virtual file that is
// offered, verified, resumed and fetched from several sources as any other: first
// the manifest, which says what there is, then the bytes of all regular files one
// after the other, in the manifest's order. [Scan] gives that of a folder, and a
// [Place] spreads its bytes over files again.
//
// It knows files. It does not know how bytes travel, who checks them on the way
// (a unit is verified before a Place sees it), or who may have what.
//
// # The manifest
//
// A line of text, and then what the folder contains:
//
//	manifest = "passeur folder 1\n" contents
//	contents = *entry "."
//	entry    = "d" name modified contents         a folder
//	         / ("f" / "x") name modified size sum   a file; x: its owner may execute it
//	         / "l" name target                      a symbolic link
//	name     = length bytes                         1 to 255 bytes, no "/", no NUL, not "." or ".."
//	modified = 8 bytes                              nanoseconds since 1970, two's complement, big endian
//	size     = varint                               of the file in bytes
//	sum      = 32 bytes                             the root of the file's sha3tree
//	target   = length bytes                         1 to 4096 bytes
//	length   = varint                               unsigned LEB128, as short as can be
//
// The names in a folder ascend bytewise, so none is there twice and a folder has
// one manifest. As folders enclose what they contain, an entry can be neither
// above the root, nor inside a file, nor in a folder that does not exist. A name is
// what the sender's system has, any bytes; the receiver makes it safe
// ([Entry].Saved). Of the permissions only x travels. The target of a link is any
// number of ".." and then names, separated by "/"; there are never more ".." than
// folders around the link. So no chain of links leads out, whatever they point to.
//
// Nothing follows the last ".". Whoever reads a manifest knows its length
// beforehand, and refuses what is not exactly this: a manifest that parses is
// encoded to the same bytes.
//
// [Limits] bound what is read: a million entries, 64 MiB of manifest, 128 folders
// deep, 4096 bytes of path.
package folder
