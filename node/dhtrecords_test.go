package node

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	ds "github.com/ipfs/go-datastore"
	dsq "github.com/ipfs/go-datastore/query"
)

// TestDHTRecordsAreBounded, and the newest is always there.
func TestDHTRecordsAreBounded(t *testing.T) {
	r := newDHTRecords(1010) // 98 bytes each, and 3 of the key
	for i := range 100 {
		key := ds.NewKey(fmt.Sprintf("%02d", i))
		for range 2 { // again is no more
			if err := r.Put(t.Context(), key, bytes.Repeat([]byte{byte(i)}, 98)); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := r.Get(t.Context(), key); err != nil || got[0] != byte(i) {
			t.Fatalf("%v, %v", got, err)
		}
	}
	if n := countRecords(t, r); n != 10 || len(r.sizes) != 10 || r.room != 0 {
		t.Errorf("%d records, %d sizes, room for %d bytes", n, len(r.sizes), r.room)
	}
	if err := r.Put(t.Context(), ds.NewKey("big"), make([]byte, maxDHTRecord)); !errors.Is(err, errBigRecord) {
		t.Errorf("%v, want %v", err, errBigRecord)
	}
	batch, err := r.Batch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(batch.Delete(t.Context(), ds.NewKey("99")), batch.Commit(t.Context())); err != nil {
		t.Fatal(err)
	}
	if n := countRecords(t, r); n != 9 {
		t.Errorf("%d records", n)
	}
}

func countRecords(t *testing.T, r *dhtRecords) int {
	t.Helper()
	found, err := r.Query(t.Context(), dsq.Query{})
	if err != nil {
		t.Fatal(err)
	}
	all, err := found.Rest()
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}
