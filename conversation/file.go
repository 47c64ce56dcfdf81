package conversation

import (
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// The sizes of a file's sums: SHA3-512 of all its bytes, SHA3-256 at the root of
// its tree.
const (
	sha3SumSize  = 64
	sha3TreeSize = 32
)

// File is the content of an application/data-transfer+json entry: a JSON object
// of strings with the keys that Jami writes, sha3tree and manifest.
//
//	{"displayName":TEXT,"sha3sum":HEX,"sha3tree":HEX,"tid":NUMBER,"totalSize":NUMBER,"type":"application/data-transfer+json"}
//	{…,"manifest":NUMBER,"sha3tree":HEX,"tid":NUMBER,"totalSize":NUMBER,"type":…}      a folder
//	{"displayName":TEXT,"edit":ID,"sha3sum":HEX,"totalSize":NUMBER,"type":…}           an edit: what it leaves out stays
//	{"also":"ID ID","edit":ID,"tid":"","type":…}                                       a deletion
//
// Displayed names may be missing, and so may type, and one of the two sums: an edit
// can bring it later. Numbers are decimal, below 2^53.
type File struct {
	// DisplayName is hostile text.
	DisplayName string
	// SHA3Sum is the SHA3-512 of the file, SHA3Tree the root of its SHA3-256 tree:
	// 128 and 64 lower-case hex digits. A file has one of them at least; "" is not
	// known yet.
	SHA3Sum, SHA3Tree string
	// TID names the transfer: 1 to 2^53-1 in decimal.
	TID string
	// TotalSize is in bytes. In an edit it counts only together with SHA3Sum.
	TotalSize int64
	// Manifest is how many bytes at the beginning tell of a folder and the files in
	// it, whose bytes follow; 0: it is a file.
	Manifest int64
	// Edit is the entry that this one changes; zero for a file of its own.
	Edit ID
	// Deleted: Edit is taken back, and the edits of it that Also names.
	Deleted bool
	Also    []ID
	// Extra are the other keys, which mean nothing here. One that has a field above
	// is not written.
	Extra map[string]string
}

// fileKeys are those that mean something.
var fileKeys = []string{"also", "displayName", "edit", "manifest", "sha3sum", "sha3tree", "tid", "totalSize", "type"}

// Content gives what [ParseFile] reads. Bytes that are no UTF-8 become U+FFFD.
func (f File) Content() []byte {
	fields := fieldMap{}
	for key, value := range f.Extra {
		if !slices.Contains(fileKeys, key) {
			fields[key] = value
		}
	}
	fields["type"] = TypeFile
	if !f.Edit.IsZero() {
		fields["edit"] = f.Edit.String()
	}
	if f.Deleted {
		fields["tid"] = ""
		writeAlso(fields, f.Also)
		return fields.Content()
	}
	for key, value := range map[string]string{
		"displayName": f.DisplayName, "sha3sum": f.SHA3Sum, "sha3tree": f.SHA3Tree, "tid": f.TID,
	} {
		if value != "" {
			fields[key] = value
		}
	}
	if f.SHA3Sum != "" || f.Edit.IsZero() {
		fields["totalSize"] = strconv.FormatInt(f.TotalSize, 10)
	}
	if f.Manifest > 0 {
		fields["manifest"] = strconv.FormatInt(f.Manifest, 10)
	}
	return fields.Content()
}

// ParseFile reads the content of an application/data-transfer+json entry.
func ParseFile(content []byte) (File, error) {
	fields, err := parseFields(content)
	if err != nil {
		return File{}, fmt.Errorf("%w: %w", ErrContent, err)
	}
	r := &fieldReader{fields: fields}
	f := r.file()
	if r.err != nil {
		return File{}, fmt.Errorf("%w: %w", ErrContent, r.err)
	}
	maps.DeleteFunc(fields, func(key, _ string) bool { return slices.Contains(fileKeys, key) })
	if len(fields) > 0 {
		f.Extra = fields
	}
	return f, nil
}

func (r *fieldReader) file() (f File) {
	f.Edit = r.edit()
	own := f.Edit.IsZero()
	if mediaType, found := r.take("type"); found && mediaType != TypeFile {
		r.fail("type", "is not "+TypeFile)
	}
	tid, found := r.take("tid")
	if f.Deleted = !own && found && tid == ""; f.Deleted {
		f.Also = r.also()
		return f
	}
	f.DisplayName, _ = r.take("displayName")
	f.SHA3Tree = r.sum("sha3tree", sha3TreeSize)
	f.SHA3Sum = r.sum("sha3sum", sha3SumSize)
	if own && f.SHA3Tree == "" && f.SHA3Sum == "" {
		r.fail("sha3sum", "and sha3tree are missing")
	}
	size, sized := r.take("totalSize")
	if sized != (own || f.SHA3Sum != "") {
		r.fail("totalSize", "comes with a file, and with a sha3sum")
	}
	if sized {
		f.TotalSize = r.number("totalSize", size, 0)
	}
	r.manifest(&f)
	if f.TID = tid; found || own {
		r.number("tid", tid, 1)
	}
	return f
}

// manifest takes the length of a folder's manifest.
func (r *fieldReader) manifest(f *File) {
	length, found := r.take("manifest")
	if !found {
		return
	}
	if f.Manifest = r.number("manifest", length, 1); f.Manifest > f.TotalSize {
		r.fail("manifest", "is longer than the whole")
	}
}

// sum takes a sum of size bytes; "" where it is missing.
func (r *fieldReader) sum(key string, size int) string {
	if _, found := r.fields[key]; !found {
		return ""
	}
	return hex.EncodeToString(r.hex(key, size))
}

// number reads decimal digits as strconv writes them, least to 2^53-1.
func (r *fieldReader) number(key, text string, least int64) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > maxMilli || strconv.FormatInt(n, 10) != text {
		r.fail(key, fmt.Sprintf("is not a number from %d to 2^53-1", least))
	}
	return n
}
