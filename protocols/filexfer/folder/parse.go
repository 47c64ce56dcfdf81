package folder

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// Read reads the manifest at the beginning of a virtual file: length bytes of r.
// It fails with [ErrManifest], with [ErrLimit], or as r does.
func Read(r io.Reader, length int64, l Limits) (*Manifest, error) {
	if l = l.orDefaults(); length < 0 || length > l.Manifest {
		return nil, fmt.Errorf("%w: its manifest has %d bytes, at most %d are read", ErrLimit, length, l.Manifest)
	}
	var b strings.Builder
	if _, err := io.CopyN(&b, r, length); err != nil {
		return nil, fmt.Errorf("read the folder's manifest: %w", err)
	}
	return Parse(b.String(), l)
}

// Parse reads a whole manifest. It fails with [ErrManifest] or [ErrLimit].
func Parse(text string, l Limits) (*Manifest, error) {
	l = l.orDefaults()
	p := parser{rest: text, limits: l, m: &Manifest{text: text}, left: l.Size - int64(len(text))}
	if int64(len(text)) > l.Manifest {
		return nil, fmt.Errorf("%w: its manifest has %d bytes, at most %d are read", ErrLimit, len(text), l.Manifest)
	}
	if err := p.parse(); err != nil {
		return nil, fmt.Errorf("%w, at byte %d of %d", err, len(text)-len(p.rest), len(text))
	}
	p.m.seal(int64(len(text)))
	return p.m, nil
}

// parser has read what is before rest. The names that it gives out are pieces of
// the text.
type parser struct {
	rest   string
	limits Limits
	m      *Manifest
	around []level // the folders that are open
	last   string  // the last name in the innermost; "" at its beginning
	left   int64   // bytes that files may still have
}

// level is a folder whose contents are read.
type level struct {
	index int32 // top at the root
	name  string
	path  int // the length of its path and a "/"
	depth int // how many folders it is in, and itself
}

// inside is the folder of that name in l.
func (l level) inside(name string, index int) level {
	return level{int32(index), name, l.path + len(name) + 1, l.depth + 1}
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrManifest, fmt.Sprintf(format, args...))
}

func (p *parser) parse() error {
	if !strings.HasPrefix(p.rest, magic) {
		return broken("it does not begin with %q", magic)
	}
	p.rest = p.rest[len(magic):]
	for open := true; open; {
		kind, err := p.take(1)
		switch {
		case err != nil:
			return err
		case kind == string(endOfDir):
			open = p.leave()
		default:
			err = p.entry(Kind(kind[0]))
		}
		if err != nil {
			return err
		}
	}
	if p.rest != "" {
		return broken("something follows it")
	}
	return nil
}

// leave goes back to the folder around this one, and tells whether there is one.
func (p *parser) leave() bool {
	last := len(p.around) - 1
	if last < 0 {
		return false
	}
	p.last, p.around = p.around[last].name, p.around[:last]
	return true
}

func (p *parser) entry(kind Kind) error {
	around := level{index: top}
	if n := len(p.around); n > 0 {
		around = p.around[n-1]
	}
	e := entry{kind: kind, parent: around.index}
	err := p.name(&e)
	if err == nil {
		err = p.fits(around.path + len(e.name))
	}
	if err == nil {
		err = p.details(&e)
	}
	if err != nil {
		return err
	}
	p.m.entries = append(p.m.entries, e)
	if p.last = e.name; kind == Dir {
		p.around = append(p.around, around.inside(e.name, len(p.m.entries)-1))
		p.last = ""
	}
	return nil
}

func (p *parser) name(e *entry) (err error) {
	if e.name, err = p.text(maxName); err != nil {
		return err
	}
	switch {
	case !isName(e.name):
		return broken("%.80q is no name", e.name)
	case e.name <= p.last:
		return broken("%.80q after %.80q", e.name, p.last)
	}
	return nil
}

// fits holds an entry with a path of that many bytes against the limits.
func (p *parser) fits(path int) error {
	switch {
	case len(p.m.entries) >= p.limits.Entries:
		return fmt.Errorf("%w: more than %d entries", ErrLimit, p.limits.Entries)
	case len(p.around) >= p.limits.Depth:
		return fmt.Errorf("%w: it is more than %d folders deep", ErrLimit, p.limits.Depth)
	case path > maxPath:
		return fmt.Errorf("%w: a path of more than %d bytes", ErrLimit, maxPath)
	}
	return nil
}

// details reads what follows a name.
func (p *parser) details(e *entry) (err error) {
	switch e.kind {
	case Link:
		if e.target, err = p.text(maxPath); err == nil && !staysInside(e.target, len(p.around)) {
			err = broken("the link %.80q leads to %.80q", e.name, e.target)
		}
		return err
	case Dir:
		return p.time(e)
	case File, Executable:
		if err = p.time(e); err == nil {
			err = p.size(e)
		}
		if err != nil {
			return err
		}
		sum, err := p.take(len(e.sum))
		copy(e.sum[:], sum)
		return err
	}
	return broken("there is no kind %q", byte(e.kind))
}

func (p *parser) time(e *entry) error {
	b, err := p.take(8)
	if err == nil {
		e.modified = int64(binary.BigEndian.Uint64([]byte(b)))
	}
	return err
}

func (p *parser) size(e *entry) error {
	n, err := p.varint()
	switch {
	case err != nil:
		return err
	case n > uint64(max(p.left, 0)):
		return fmt.Errorf("%w: its files have more bytes than %d", ErrLimit, p.limits.Size)
	}
	e.size = int64(n)
	p.left -= e.size
	return nil
}

// text reads 1 to most bytes after their number.
func (p *parser) text(most uint64) (string, error) {
	n, err := p.varint()
	if err == nil && (n == 0 || n > most) {
		err = broken("%d bytes of text, want 1 to %d", n, most)
	}
	if err != nil {
		return "", err
	}
	return p.take(int(n))
}

// varint reads a number, which must be written as short as it can.
func (p *parser) varint() (uint64, error) {
	head := []byte(p.rest[:min(len(p.rest), binary.MaxVarintLen64)])
	n, size := binary.Uvarint(head)
	if size <= 0 || size > 1 && head[size-1] == 0 {
		return 0, broken("there is no number")
	}
	p.rest = p.rest[size:]
	return n, nil
}

func (p *parser) take(n int) (string, error) {
	if n > len(p.rest) {
		return "", broken("it is cut off")
	}
	taken := p.rest[:n]
	p.rest = p.rest[n:]
	return taken, nil
}

// isName tells whether s can be one element of a path.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= maxName && !strings.ContainsAny(s, "/\x00")
}

// staysInside tells whether a link with that many folders around it, below the
// root, points to something at or below the root, whatever other links that keep to
// this rule lie on the way: all ".." stand in front, where they lead through
// folders that are none.
func staysInside(target string, folders int) bool {
	if len(target) > maxPath {
		return false
	}
	elements := strings.Split(target, "/")
	up := 0
	for up < len(elements) && elements[up] == ".." {
		up++
	}
	for _, name := range elements[up:] {
		if !isName(name) {
			return false
		}
	}
	return up <= folders
}
