package folder

import (
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
	"github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree"
)

// maxPatterns is how long the patterns of a choice may be together, in bytes.
const maxPatterns = 1 << 20

// Choose says what is wanted, once, after the manifest came; none: everything. The
// patterns are those of [path.Match], for the paths of [Entry].Saved. One without
// "/" is for names, in whatever folder. A folder that matches brings all that it
// contains. What is not chosen is neither asked for nor created.
//
// It fails with [ErrManifestFirst], with [ErrNoMatch] if a pattern (which it names)
// chooses nothing, with [filexfer.ErrNoSpace] if what is chosen cannot fit. The
// choice is kept; another one fails with [filexfer.ErrExists].
func (p *Place) Choose(only []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.m == nil:
		return ErrManifestFirst
	case p.wanted != nil:
		return fmt.Errorf("%w: of what is wanted", filexfer.ErrExists)
	}
	return placeError(p.chooseLocked(only))
}

// chooseAgain does what was chosen in an earlier life, or else what is said now.
func (p *Place) chooseAgain() error {
	file, err := openPlain(p.part, onlyName, 0)
	if err != nil {
		if p.accept.Ask {
			return nil
		}
		return p.chooseLocked(p.accept.Only)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, 8*maxPatterns))
	if err != nil {
		return err
	}
	var only []string
	for line := range strings.Lines(string(text)) {
		pattern, err := strconv.Unquote(strings.TrimSpace(line))
		if err != nil {
			return fmt.Errorf("%s of %s: %w", onlyName, file.Name(), err)
		}
		only = append(only, pattern)
	}
	return p.want(only)
}

// chooseLocked brings what came with the manifest to its place before the choice is
// kept.
func (p *Place) chooseLocked(only []string) error {
	if err := p.want(only); err != nil {
		return err
	}
	err := p.haveSpace()
	if err == nil {
		err = p.placeBeside()
	}
	if err == nil {
		var text strings.Builder
		for _, pattern := range only {
			text.WriteString(strconv.Quote(pattern) + "\n")
		}
		err = p.keep(onlyName, text.String())
	}
	if err != nil {
		p.wanted, p.spans = nil, nil
	}
	return err
}

// haveSpace fails if the wanted files cannot fit, when each takes whole blocks.
func (p *Place) haveSpace() error {
	const block = 4096
	var need int64
	for i, wanted := range p.wanted {
		if wanted {
			need += (p.m.entries[i].size + block - 1) / block * block
		}
	}
	return p.target.HasSpace(p.raw, need)
}

// placeBeside puts what shares a unit with the end of the manifest into its files.
func (p *Place) placeBeside() error {
	beside := make([]byte, p.head().End-p.m.length)
	if _, err := p.raw.ReadAt(beside, p.m.length); err != nil && err != io.EOF {
		return err
	}
	return p.spread(beside, p.m.length)
}

// want marks what the patterns choose.
func (p *Place) want(only []string) error {
	size := 0
	for _, pattern := range only {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("%w: %q: %w", ErrNoMatch, pattern, err)
		}
		size += len(pattern)
	}
	if size > maxPatterns {
		return fmt.Errorf("%w: %d bytes of patterns, at most %d", ErrLimit, size, maxPatterns)
	}
	wanted, err := choose(p.m, only)
	if err != nil {
		return err
	}
	p.wanted, p.spans = wanted, spansOf(p.m, wanted, p.head())
	return nil
}

// choose tells for each entry whether it is wanted. The folders around one that is
// are too.
func choose(m *Manifest, only []string) ([]bool, error) {
	wanted := make([]bool, len(m.entries))
	used := make([]bool, len(only))
	for i := range m.entries {
		parent := m.entries[i].parent
		wanted[i] = len(only) == 0 || parent != top && wanted[parent]
		for n, pattern := range only {
			if matches(m, int32(i), pattern) {
				wanted[i], used[n] = true, true
			}
		}
	}
	for n, pattern := range only {
		if !used[n] {
			return nil, fmt.Errorf("%w %q", ErrNoMatch, pattern)
		}
	}
	for i := len(wanted) - 1; i >= 0; i-- {
		if parent := m.entries[i].parent; wanted[i] && parent != top {
			wanted[parent] = true
		}
	}
	return wanted, nil
}

func matches(m *Manifest, i int32, pattern string) bool {
	name := m.savedName(i)
	if strings.Contains(pattern, "/") {
		name = m.path(i, m.savedName)
	}
	matched, err := path.Match(pattern, name)
	return err == nil && matched
}

// spansOf gives the units that have a byte of a wanted file, and head.
func spansOf(m *Manifest, wanted []bool, head filexfer.Span) []filexfer.Span {
	spans := []filexfer.Span{head}
	for i := range wanted {
		e := &m.entries[i]
		if !wanted[i] || e.size == 0 {
			continue
		}
		span := filexfer.Span{
			Start: e.start / sha3tree.UnitSize * sha3tree.UnitSize,
			End:   min(roundUp(e.end()), m.size),
		}
		if last := &spans[len(spans)-1]; span.Start <= last.End {
			last.End = max(last.End, span.End)
		} else {
			spans = append(spans, span)
		}
	}
	return spans
}
