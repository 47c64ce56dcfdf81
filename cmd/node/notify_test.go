package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdManager is "manager FILE": a service manager (sd_notify(3)) for the nodes that
// are started from now on; what it is told goes to FILE, a line each.
func cmdManager(ts *testscript.TestScript, _ bool, args []string) {
	dir, err := os.MkdirTemp("", "notify") // a socket's path must be short
	ts.Check(err)
	ts.Defer(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	ts.Check(err)
	file, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer file.Close()
		told := make([]byte, 4096)
		for {
			n, err := socket.Read(told)
			if err != nil {
				return
			}
			fmt.Fprintf(file, "%s\n", told[:n])
		}
	})
	ts.Defer(func() { socket.Close(); reading.Wait() })
	ts.Setenv("NOTIFY_SOCKET", path)
}
