package api

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/passeur-p2p/passeur/protocols/filexfer"
)

const (
	// sentFolder is where uploads lie in the home: ID/NAME. They stay there when they are
	// sent, so that others can ask for them again.
	sentFolder = "sent"
	// unsent is the ending of a mark beside the folder of an upload: it was not sent yet.
	unsent = ".unsent"
	// uploadLife is how long an upload waits to be sent.
	uploadLife = 24 * time.Hour
	// sweepEvery is how often those that waited too long are looked for.
	sweepEvery = time.Hour
	// spaceStep is after how many bytes the disk is asked again whether it has room.
	spaceStep = 64 << 20
)

// Upload is a file that was handed to the node.
type Upload struct {
	// ID is 16 hex digits: what NewTransfer.uploads takes.
	ID string `json:"id" pattern:"^[0-9a-f]{16}$"`
	// Name is what became of the name: one that is safe on every system.
	Name string `json:"name"`
	Size int64  `json:"size"`
}

var uploadID = regexp.MustCompile(`^[0-9a-f]{16}$`)

// uploads keeps what was handed over, until it is sent or a day has passed.
type uploads struct {
	dir    string
	logger *slog.Logger

	mu   sync.Mutex
	busy map[string]bool // ids that are being written or sent
}

func newUploads(home string, logger *slog.Logger) *uploads {
	return &uploads{dir: filepath.Join(home, sentFolder), logger: logger, busy: map[string]bool{}}
}

// take stores what body gives. space says whether so many more bytes fit; size is -1
// if it is not known. After an error nothing is left.
func (u *uploads) take(name string, size int64, body io.Reader, space func(int64) error) (Upload, error) {
	id := newUploadID()
	up := Upload{ID: id, Name: filexfer.SafeName(name)}
	if err := space(max(size, 1)); err != nil {
		return up, err
	}
	u.hold(id)
	defer u.release(id)
	err := u.begin(id)
	if err == nil {
		up.Size, err = store(filepath.Join(u.dir, id, up.Name), body, space)
	}
	if err == nil {
		err = errors.Join(filexfer.SyncFolderAt(filepath.Join(u.dir, id)), filexfer.SyncFolderAt(u.dir))
	}
	if err != nil {
		return up, errors.Join(err, u.remove(id))
	}
	return up, nil
}

func newUploadID() string {
	var id [8]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}

// begin makes the folder of an upload. The mark comes first, so that a node that dies in
// between leaves nothing for ever.
func (u *uploads) begin(id string) error {
	if err := os.MkdirAll(u.dir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(u.mark(id), nil, 0o600); err != nil {
		return err
	}
	return os.Mkdir(filepath.Join(u.dir, id), 0o700)
}

func (u *uploads) mark(id string) string { return filepath.Join(u.dir, id+unsent) }

// store writes a new file and has it on disk.
func store(path string, body io.Reader, space func(int64) error) (n int64, err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for {
		wrote, err := io.CopyN(file, body, spaceStep)
		n += wrote
		if errors.Is(err, io.EOF) {
			return n, file.Sync()
		}
		if err != nil {
			return n, err
		}
		if err := space(1); err != nil {
			return n, err
		}
	}
}

// claim takes uploads to send them: it gives the path of one file, or of the files in
// one folder. Each can be sent once; give hands them back when that failed.
func (u *uploads) claim(ids []string) (paths []string, give func(error), err error) {
	for i, id := range ids {
		if !uploadID.MatchString(id) || !u.holdUnsent(id) {
			u.releaseAll(ids[:i])
			return nil, nil, problem(CodeUnknownUpload, fmt.Sprintf("no upload waits under the id %q", id))
		}
	}
	if paths, err = u.gather(ids); err != nil {
		u.releaseAll(ids)
		return nil, nil, err
	}
	return paths, func(failed error) { u.settle(ids, paths, failed) }, nil
}

// gather brings several uploads into the folder of the first. After an error each is
// where it was.
func (u *uploads) gather(ids []string) (paths []string, err error) {
	home := filepath.Join(u.dir, ids[0])
	defer func() {
		if err != nil {
			u.scatter(ids, paths)
		}
	}()
	for i, id := range ids {
		from, err := onlyFile(filepath.Join(u.dir, id))
		if err != nil {
			return paths, err
		}
		to := filepath.Join(home, filepath.Base(from))
		if i > 0 {
			if err := moveFile(from, to); err != nil {
				return paths, err
			}
		}
		paths = append(paths, to)
	}
	return paths, nil
}

// moveFile gives one of several uploads its place beside the others, unless one of
// these has its name: the last that was moved has, too.
func moveFile(from, to string) error {
	if _, err := os.Lstat(to); err == nil {
		return problem(CodeBadFile, fmt.Sprintf("two of the uploads are called %q; files that are sent together need names of their own", filepath.Base(from)))
	}
	return os.Rename(from, to)
}

// scatter puts those that were gathered, all or the first of them, back where they were.
func (u *uploads) scatter(ids, paths []string) {
	for i := 1; i < len(paths); i++ {
		if err := os.Rename(paths[i], filepath.Join(u.dir, ids[i], filepath.Base(paths[i]))); err != nil {
			u.logger.Warn("an upload could not be put in its place", "id", ids[i], "err", err)
		}
	}
}

func onlyFile(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	if len(entries) != 1 {
		return "", problem(CodeUnknownUpload, "an upload is not whole")
	}
	return filepath.Join(dir, entries[0].Name()), nil
}

// settle marks uploads as sent, or puts them back where they were.
func (u *uploads) settle(ids, paths []string, failed error) {
	defer u.releaseAll(ids)
	if failed != nil {
		u.scatter(ids, paths)
		return
	}
	for i, id := range ids {
		err := os.Remove(u.mark(id))
		if i > 0 {
			err = errors.Join(err, os.Remove(filepath.Join(u.dir, id)))
		}
		if err != nil {
			u.logger.Warn("an upload could not be put in its place", "id", id, "err", err)
		}
	}
}

func (u *uploads) hold(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.busy[id] = true
}

// holdUnsent claims an upload that waits to be sent, and tells whether there is one.
func (u *uploads) holdUnsent(id string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, err := os.Lstat(u.mark(id)); err != nil || u.busy[id] {
		return false
	}
	u.busy[id] = true
	return true
}

func (u *uploads) release(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.busy, id)
}

func (u *uploads) releaseAll(ids []string) {
	for _, id := range ids {
		u.release(id)
	}
}

// remove forgets an upload: first its bytes, then the mark.
func (u *uploads) remove(id string) error {
	if err := os.RemoveAll(filepath.Join(u.dir, id)); err != nil {
		return err
	}
	if err := os.Remove(u.mark(id)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sweep removes uploads that were not sent within a day.
func (u *uploads) sweep(now time.Time) {
	entries, err := os.ReadDir(u.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		u.logger.Warn("uploads that nobody sent cannot be looked for", "err", err)
	}
	for _, e := range entries {
		id, isMark := strings.CutSuffix(e.Name(), unsent)
		info, err := e.Info()
		if !isMark || err != nil || now.Sub(info.ModTime()) < uploadLife || !uploadID.MatchString(id) || !u.holdUnsent(id) {
			continue
		}
		if err := u.remove(id); err != nil {
			u.logger.Warn("an upload that nobody sent could not be removed", "id", id, "err", err)
		}
		u.release(id)
	}
}
