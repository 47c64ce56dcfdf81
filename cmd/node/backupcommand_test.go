package main

import (
	"archive/tar"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/passeur-p2p/passeur/node"
)

// sealedHome writes an export of these files, cheap to open.
func sealedHome(t *testing.T, path, phrase string, files map[string][]byte) {
	t.Helper()
	recipient, err := age.NewScryptRecipient(phrase)
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(8)
	var b bytes.Buffer
	w, err := age.Encrypt(&b, recipient)
	if err != nil {
		t.Fatal(err)
	}
	tw := tar.NewWriter(w)
	for name, raw := range files {
		err = errors.Join(err, tw.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: int64(len(raw))}))
		_, failed := tw.Write(raw)
		err = errors.Join(err, failed)
	}
	if err := errors.Join(err, tw.Close(), w.Close(), os.WriteFile(path, b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// TestImportsThatFail say why, and leave nothing behind.
func TestImportsThatFail(t *testing.T) {
	dir, phrase := t.TempDir(), "correct horse battery"
	t.Chdir(dir)
	files := map[string][]byte{"phrase": []byte(phrase + "\n"), "other": []byte("wrong horse battery\n"), "two": []byte("a\nb\n"), "none": nil}
	for name, raw := range files {
		if err := os.WriteFile(name, raw, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	real := t.TempDir()
	if _, err := node.LoadIdentity(real, "alice"); err != nil {
		t.Fatal(err)
	}
	read := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join(real, name))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	device, account := read("device.key"), read("account.key")
	for name, holds := range map[string]map[string][]byte{
		"good":       {"device.key": device, "account.key": account},
		"no-device":  {"account.key": account},
		"no-account": {"device.key": device},
		"bad-key":    {"device.key": []byte("x"), "account.key": account},
		"bad-state":  {"device.key": device, "account.key": account, "node.db": bytes.Repeat([]byte("no database "), 1000)},
		"bad-log":    {"device.key": device, "account.key": account, "conversations-00000000.db": bytes.Repeat([]byte("no database "), 1000)},
		"outside":    {"../evil": []byte("x")},
	} {
		sealedHome(t, name, phrase, holds)
	}
	for _, test := range []struct{ file, phrase, want string }{
		{"good", "other", "good: the passphrase is wrong"},
		{"good", "two", "must hold the password in one line"},
		{"good", "none", "must hold the password in one line"},
		{"good", "missing", "the passphrase's file: open missing: "},
		{"missing", "phrase", "read the export: open missing: "},
		{"phrase", "phrase", "phrase: this is no sealed home, or it is damaged"},
		{"no-device", "phrase", "no-device: what it holds is no home: "},
		{"no-account", "phrase", "the account's key is missing"},
		{"bad-key", "phrase", "bad-key: what it holds is no home: "},
		{"bad-state", "phrase", "bad-state: what it holds is no home: "},
		{"bad-log", "phrase", "bad-log: what it holds is no home: "},
		{"outside", "phrase", `it holds "../evil", which is no plain file`},
	} {
		code, _, stderr := passeur(t.Context(), "import", "--home", "into/home", "--passphrase-file", test.phrase, test.file)
		if code != exitError || !strings.Contains(stderr, test.want) {
			t.Errorf("%s with %s: exit code %d, %s; want %s", test.file, test.phrase, code, stderr, test.want)
		}
		if left, err := os.ReadDir("into"); err == nil && len(left) > 0 {
			t.Fatalf("%s with %s left %v behind", test.file, test.phrase, left)
		}
	}
	code, _, stderr := passeur(t.Context(), "import", "--home", "into/home", "--passphrase-file", "phrase", "good")
	if code != exitOK {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	code, stdout, _ := passeur(t.Context(), "import", "--json", "--home", "into/home", "--passphrase-file", "phrase", "good")
	if code != exitError || !strings.Contains(stdout, "is not empty") {
		t.Errorf("into a home: exit code %d, %s", code, stdout)
	}
}
