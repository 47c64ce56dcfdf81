package api

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// socketName is the socket's name in the home.
const socketName = "api.sock"

// maxSocketPath is the longest path that every supported system can bind
// (sun_path has 104 bytes on the BSDs and macOS, 108 on Linux, with the zero).
const maxSocketPath = 103

// SocketPath is where the node of a home listens for commands.
func SocketPath(home string) string { return filepath.Join(home, socketName) }

// Listen opens the home's socket, mode 0600. The caller must hold the home's
// lock: a socket that an earlier node left is replaced. Closing the listener
// removes the socket.
//
// The socket is bound in a new folder of mode 0700 and moved into place once
// its mode is right, so that at no moment somebody else can open it.
func Listen(home string) (net.Listener, error) {
	dir, err := os.MkdirTemp(home, ".s-")
	if err != nil {
		return nil, fmt.Errorf("open the socket for commands: %w", err)
	}
	defer os.RemoveAll(dir)
	path, temp := SocketPath(home), filepath.Join(dir, "s")
	if err := errors.Join(checkLength(path), checkLength(temp)); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("open the socket for commands: %w", err)
	}
	l.SetUnlinkOnClose(false) // it would look for the name before the move
	if err := errors.Join(os.Chmod(temp, 0o600), os.Rename(temp, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("open the socket for commands: %w", err)
	}
	bound, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("open the socket for commands: %w", err)
	}
	return &listener{l, path, bound}, nil
}

func checkLength(path string) error {
	if over := len(path) - maxSocketPath; over > 0 {
		return fmt.Errorf("%s is too long for a unix socket by %d bytes; choose a home with a shorter path", path, over)
	}
	return nil
}

// listener removes its socket when it is closed, unless another one has taken its
// place: that of a node that came while this one started anew.
type listener struct {
	*net.UnixListener
	path  string
	bound os.FileInfo
}

func (l *listener) Close() error {
	err := l.UnixListener.Close()
	now, failed := os.Lstat(l.path)
	if errors.Is(err, net.ErrClosed) || failed == nil && !os.SameFile(now, l.bound) {
		return err
	}
	return errors.Join(err, os.Remove(l.path))
}
