package directory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// When a record is put again. kad-dht drops records 48 hours after it last got
// them (dht.MaxRecordAge); the nodes that hold them go sooner than that.
const (
	refreshEvery = time.Hour
	retryFirst   = 250 * time.Millisecond
	retryMost    = time.Minute
	putTimeout   = time.Minute
	turnRetry    = 10 * time.Minute
	loudAfter    = 10 // failures in a row, which is after two minutes
)

// settle are the pauses after the first puts that went well: a node that has
// just started knows few others, so the first put misses the record's place.
var settle = []time.Duration{10 * time.Second, time.Minute, 10 * time.Minute}

// publication keeps one record on the DHT.
type publication struct {
	key string
	// value gives what to put, and when it must be asked again at the latest
	// (zero: no such time).
	value func() (raw []byte, until time.Time, err error)
	wake  chan struct{} // one pending wake-up
	since time.Time     // guarded by Directory.mu: when it was last stored
}

// Publish keeps an account record on the DHT until Close: it is put again after
// failures, a few times soon after the first success, and then every hour.
// If a newer record of the account is or becomes known, that one is published
// instead. It returns an error only if raw is no valid record, or cannot be
// remembered.
//
// It is for the record of one's own account, by any of its devices. Those of
// contacts are not kept alive: to put them would tell DHT nodes who knows whom,
// and who is away for two days answers no offers either.
func (d *Directory) Publish(raw []byte) error {
	r, err := d.Learn(raw)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	key := AccountRecordKey(r.Account)
	d.publish(key, func() ([]byte, time.Time, error) {
		e, err := d.seen.newest(key)
		if err == nil && e == nil {
			err = ErrNotFound // forgotten
		}
		if err != nil {
			return nil, time.Time{}, err
		}
		return e.raw, time.Time{}, nil
	})
	return nil
}

// Announce puts all records again at once: to be called when there are new DHT
// nodes after there were none, or when the network has changed.
func (d *Directory) Announce() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.publications {
		p.awake()
	}
}

// Published tells when this node last put the record under key on the DHT; zero
// if never. Keys are AccountRecordKey's and DeviceRecordKey's.
func (d *Directory) Published(key string) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.publications[key]; p != nil {
		return p.since
	}
	return time.Time{}
}

// publish starts the publication, or wakes it if it is there already.
func (d *Directory) publish(key string, value func() ([]byte, time.Time, error)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return
	}
	if p := d.publications[key]; p != nil {
		p.awake()
		return
	}
	p := &publication{key: key, value: value, wake: make(chan struct{}, 1)}
	d.publications[key] = p
	d.wg.Go(func() { d.keep(p) })
}

func (p *publication) awake() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// keep puts the record, again and again, until the directory is closed.
func (d *Directory) keep(p *publication) {
	var pace pace
	for {
		until, err := d.putOnce(p)
		if d.ctx.Err() != nil {
			return
		}
		timer := time.NewTimer(pace.next(err == nil, until))
		if err != nil {
			d.report(p.key, pace.failures, err)
		}
		select {
		case <-d.ctx.Done():
		case <-timer.C:
			_ = d.learnNewest(p.key) // perhaps another device has published a newer one
		case <-p.wake:
			pace.reset()
		}
		timer.Stop()
	}
}

// report is silent at first: to fail for a while is normal after a start.
func (d *Directory) report(key string, failures int, err error) {
	level := slog.LevelDebug
	if failures == loudAfter {
		level = slog.LevelWarn
	}
	d.cfg.Logger.Log(d.ctx, level, "record not stored yet; others cannot look it up", "key", key, "failures", failures, "error", err)
}

func (d *Directory) putOnce(p *publication) (until time.Time, err error) {
	raw, until, err := p.value()
	if err != nil {
		return until, err
	}
	if err := d.put(p.key, raw); err != nil {
		return until, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	p.since = time.Now()
	return until, nil
}

func (d *Directory) put(key string, raw []byte) error {
	ctx, cancel := context.WithTimeout(d.ctx, putTimeout)
	defer cancel()
	ctx, query := watchQuery(ctx)
	err := d.cfg.Store.PutValue(ctx, key, raw)
	query.end()
	if err != nil {
		return err
	}
	if query.events > 0 && query.puts == 0 {
		return fmt.Errorf("%w: no node took it", ErrUnreachable)
	}
	return nil
}

// learnNewest waits for a lookup; the ledger then has what it found.
func (d *Directory) learnNewest(key string) error {
	f, err := d.fly(key)
	if err != nil {
		return err
	}
	select {
	case <-f.done:
		return f.err
	case <-d.ctx.Done():
		return ErrClosed
	}
}

// turnAndSign gives this device's record, after turning the key if it is time.
// A new key that cannot be saved is not used; the old record stays published.
func (d *Directory) turnAndSign() ([]byte, time.Time, error) {
	now := time.Now()
	until := now.Add(turnRetry)
	if err := d.cfg.Keys.turn(now); err != nil {
		d.cfg.Logger.Error("the device keeps its old keys", "error", err)
	} else {
		until = d.cfg.Keys.nextTurn()
	}
	raw, err := d.ownRecord(now)
	return raw, until, err
}

// ownRecord gives the newest record of this device if it says what is true now,
// else one that replaces it.
func (d *Directory) ownRecord(now time.Time) ([]byte, error) {
	current, found := d.cfg.Keys.current()
	if !found {
		return nil, errors.New("the key ring is empty")
	}
	want := DeviceRecord{Device: d.self, Keys: []SealKey{current}, Capabilities: d.cfg.Capabilities, Issued: now}
	key := DeviceRecordKey(d.self)
	newest, err := d.seen.newest(key)
	if err != nil {
		return nil, err
	}
	var last uint64
	if newest != nil {
		if newest.device.says(want) && newest.checkTime(now) == nil {
			return newest.raw, nil
		}
		last = newest.seq
	}
	if want.Seq, err = NextSeq(last, now); err != nil {
		return nil, err
	}
	raw, err := SignDeviceRecord(d.cfg.Key, want)
	if err != nil {
		return nil, err
	}
	_, err = d.seen.offer(key, raw)
	return raw, err
}

// says tells whether the two records agree on keys and capabilities.
func (r *DeviceRecord) says(want DeviceRecord) bool {
	want.Seq, want.Issued = r.Seq, r.Issued
	mine, err := r.encode()
	if err != nil {
		return false
	}
	theirs, err := want.encode()
	return err == nil && bytes.Equal(mine, theirs)
}

// pace says how long to wait after a put.
type pace struct{ failures, successes int }

func (p *pace) reset() { *p = pace{} }

// next gives the pause, never longer than until the given time (unless zero).
func (p *pace) next(stored bool, until time.Time) time.Duration {
	pause := p.pause(stored)
	pause += time.Duration(rand.Float64() * float64(pause) / 8)
	if !until.IsZero() {
		pause = min(pause, max(time.Until(until), retryFirst))
	}
	return pause
}

func (p *pace) pause(stored bool) time.Duration {
	if !stored {
		p.successes = 0
		p.failures++
		return min(retryFirst<<min(p.failures-1, 16), retryMost)
	}
	p.failures = 0
	p.successes++
	if p.successes <= len(settle) {
		return settle[p.successes-1]
	}
	return refreshEvery
}
