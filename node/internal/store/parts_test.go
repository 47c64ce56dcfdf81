package store_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/conversation"
	"github.com/passeur-p2p/passeur/node/internal/store"
	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

func TestATransferIsReplacedWithItsParts(t *testing.T) {
	s := openStore(t, newPath(t))
	other, transfer := fullTransfer("other"), fullTransfer("x")
	check(t, s.PutTransfer(other), s.PutTransfer(transfer))
	transfer.Parts = []store.Part{fullPart(1), fullPart(9)}
	transfer.Parts[0].State = filexfer.Finished
	check(t, s.PutTransfer(transfer))
	assertStored(t, s, other, transfer)

	broken := transfer
	broken.State, broken.Parts = filexfer.Finished, []store.Part{fullPart(3), fullPart(3)}
	if err := s.PutTransfer(broken); err == nil {
		t.Fatal("a device has two parts")
	}
	assertStored(t, s, other, transfer) // none of it was stored

	transfer.Parts = nil
	check(t, s.PutTransfer(transfer))
	assertStored(t, s, other, transfer)
}

// assertStored wants these, read all at once and one by one.
func assertStored(t *testing.T, s *store.Store, want ...store.Transfer) {
	t.Helper()
	if got, err := s.Transfers(); err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("Transfers = %+v, %v; want %+v", got, err, want)
	}
	for _, w := range want {
		if got, err := s.Transfer(w.ID); err != nil || !reflect.DeepEqual(got, w) {
			t.Fatalf("Transfer = %+v, %v; want %+v", got, err, w)
		}
	}
}

func TestPartsAreForgottenWithTheirTransfer(t *testing.T) {
	s := openStore(t, newPath(t))
	transfer := fullTransfer("x")
	check(t, s.PutTransfer(transfer))
	check(t, s.ForgetTransfers([]string{"x"}))
	transfer.Parts = transfer.Parts[:1]
	check(t, s.PutTransfer(transfer)) // it finds none of before
	assertStored(t, s, transfer)
}

// Each row gets its own parts, though they are read with one query for all.
func TestManyTransfersAreReadAtOnce(t *testing.T) {
	s := openStore(t, newPath(t))
	const rows = 100
	for i := range rows {
		transfer := fullTransfer(fmt.Sprintf("%08d", i))
		transfer.Created = time.UnixMilli(int64(1 + i)).UTC()
		transfer.Entry = conversation.ID{byte(i), byte(i >> 8), 1}
		check(t, s.PutTransfer(transfer))
	}
	list, err := s.Transfers()
	if err != nil || len(list) != rows {
		t.Fatalf("%d, %v", len(list), err)
	}
	for i, got := range list {
		if got.Entry[0] != byte(i) || len(got.Parts) != 2 {
			t.Fatalf("row %d is %+v", i, got)
		}
	}
}

func BenchmarkTransfers(b *testing.B) {
	s, err := store.Open(b.TempDir() + "/node.db")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for i := range 10_000 {
		if err := s.PutTransfer(fullTransfer(fmt.Sprintf("%08d", i))); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if list, err := s.Transfers(); len(list) != 10_000 || err != nil {
			b.Fatal(len(list), err)
		}
	}
}
