package folder

import "encoding/binary"

const magic = "passeur folder 1\n"

// Bytes encodes the manifest.
func (m *Manifest) Bytes() []byte {
	b := append(make([]byte, 0, m.length), magic...)
	current := int32(top)
	for i := range m.entries {
		e := &m.entries[i]
		for current != e.parent {
			b = append(b, endOfDir)
			current = m.entries[current].parent
		}
		b = e.append(b)
		if e.kind == Dir {
			current = int32(i)
		}
	}
	for ; current != top; current = m.entries[current].parent {
		b = append(b, endOfDir)
	}
	return append(b, endOfDir)
}

func (e *entry) append(b []byte) []byte {
	b = appendString(append(b, byte(e.kind)), e.name)
	switch {
	case e.kind == Link:
		return appendString(b, e.target)
	case e.kind == Dir:
		return binary.BigEndian.AppendUint64(b, uint64(e.modified))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(e.modified))
	b = binary.AppendUvarint(b, uint64(e.size))
	return append(b, e.sum[:]...)
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
