package node

import (
	"context"
	"errors"
	"sync"

	ds "github.com/ipfs/go-datastore"
	dsq "github.com/ipfs/go-datastore/query"

	"github.com/passeur-p2p/passeur/node/directory"
)

// maxDHTRecord bounds one record, in bytes with its key and what the DHT puts round it.
const maxDHTRecord = directory.MaxRecordSize + 1024

var errBigRecord = errors.New("the record is too long to be kept for others")

// dhtRecords keeps the DHT's records in memory, as far as there is room. Where there is
// none, arbitrary ones make some: others keep them too, and their owners publish them
// again.
type dhtRecords struct {
	mu    sync.Mutex
	room  int // bytes left
	all   *ds.MapDatastore
	sizes map[ds.Key]int
}

var _ ds.Batching = (*dhtRecords)(nil)

// newDHTRecords keeps that many bytes, keys included.
func newDHTRecords(room int) *dhtRecords {
	return &dhtRecords{room: room, all: ds.NewMapDatastore(), sizes: map[ds.Key]int{}}
}

func (r *dhtRecords) Put(ctx context.Context, key ds.Key, value []byte) error {
	size := len(value) + len(key.String())
	if size > maxDHTRecord {
		return errBigRecord
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.dropLocked(ctx, key); err != nil {
		return err
	}
	for victim := range r.sizes {
		if r.room >= size {
			break
		}
		if err := r.dropLocked(ctx, victim); err != nil {
			return err
		}
	}
	r.sizes[key], r.room = size, r.room-size
	return r.all.Put(ctx, key, value)
}

// dropLocked forgets a record; one that is not there is no error.
func (r *dhtRecords) dropLocked(ctx context.Context, key ds.Key) error {
	r.room += r.sizes[key]
	delete(r.sizes, key)
	return r.all.Delete(ctx, key)
}

func (r *dhtRecords) Delete(ctx context.Context, key ds.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.dropLocked(ctx, key)
}

func (r *dhtRecords) Get(ctx context.Context, key ds.Key) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Get(ctx, key)
}

func (r *dhtRecords) Has(ctx context.Context, key ds.Key) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Has(ctx, key)
}

func (r *dhtRecords) GetSize(ctx context.Context, key ds.Key) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.GetSize(ctx, key)
}

// Query looks at the records of this moment.
func (r *dhtRecords) Query(ctx context.Context, q dsq.Query) (dsq.Results, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all.Query(ctx, q)
}

func (r *dhtRecords) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }
func (r *dhtRecords) Sync(context.Context, ds.Key) error      { return nil }
func (r *dhtRecords) Close() error                            { return nil }
