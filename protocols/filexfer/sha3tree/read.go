package sha3tree

import (
	"context"
	"fmt"
	"io"
)

// ahead is how many units are read or wait beside those that are hashed.
const ahead = 2

// Read gives the list of what r has: exactly size bytes of it, and no byte more is
// read. It fails with [io.ErrUnexpectedEOF] when there are fewer, with r's error,
// or with the cause of ctx, which it looks at between units: whoever has an r that
// may wait for long closes it. progress, unless it is nil, is called from within
// Read with the number of bytes done so far, after every unit.
//
// Units are hashed while the next ones are read, by as many goroutines as help;
// all have ended when Read returns. It holds at most 10 MiB of buffers.
func Read(ctx context.Context, r io.Reader, size int64, progress func(n int64)) (List, error) {
	return chosen.read(ctx, r, size, progress)
}

func (i *implementation) read(ctx context.Context, r io.Reader, size int64, progress func(n int64)) (List, error) {
	if size < 0 {
		return List{}, fmt.Errorf("sha3tree: read %d bytes: a size is not negative", size)
	}
	p := startPipeline(i, Units(size))
	defer p.stop()
	list := List{Size: size}
	for read, done := int64(0), int64(0); done < size; {
		if ctx.Err() != nil {
			return List{}, context.Cause(ctx)
		}
		if n := int(min(size-read, UnitSize)); n > 0 && p.hasRoom() && !p.isNextReady() {
			if err := p.read(r, n); err != nil {
				return List{}, fmt.Errorf("sha3tree: read %d bytes, %d to go: %w", size, size-read, err)
			}
			read += int64(n)
			continue
		}
		sum, n := p.next()
		list.Sums = append(list.Sums, sum[:]...)
		done += int64(n)
		if progress != nil {
			progress(done)
		}
	}
	return list, nil
}
