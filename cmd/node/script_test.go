package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pion/stun"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/sha3"
)

// deadline bounds every wait of a script. It is long because a busy machine
// with the race detector is slow; nothing waits for it unless it fails.
const deadline = time.Minute

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"passeur": main})
}

// TestScripts runs testdata/*.txt with the real command, in processes.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Values[jobsKey{}] = &jobs{fail: t.Errorf, byName: map[string]*job{}}
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each command would take a second more
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code":       cmdCode,
			"eventually": cmdEventually,
			"friends":    cmdFriends,
			"get":        cmdGet,
			"manager":    cmdManager,
			"mistype":    cmdMistype,
			"mistyped":   cmdMistyped,
			"node":       cmdNode,
			"random":     cmdRandom,
			"sha3":       cmdSHA3,
			"signal":     cmdSignal,
			"start":      cmdStart,
			"stun":       cmdSTUN,
			"end":        cmdEnd,
			"trio":       cmdTrio,
			"umode":      cmdMode,
		},
	})
}

// cmdCode is "code N COMMAND…": the command must exit with code N.
func cmdCode(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	ts.Check(err)
	return 0
}

// cmdEventually is "eventually REGEXP COMMAND…": runs the command until it
// succeeds and its output matches.
func cmdEventually(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile("(?m)" + args[0])
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var out, log []byte
	for end := time.Now().Add(deadline); time.Now().Before(end); <-tick.C {
		var err error
		if out, log, err = quietly(ts, args[1:]); err == nil && want.Match(out) {
			ts.Stdout().Write(out)
			return
		}
	}
	ts.Fatalf("no output matched %s; the last was %s%s", want, out, log)
}

// quietly runs a command without a word in the script's log.
func quietly(ts *testscript.TestScript, args []string) (stdout, stderr []byte, err error) {
	var log bytes.Buffer
	cmd := command(ts, args)
	cmd.Stderr = &log
	stdout, err = cmd.Output()
	return stdout, log.Bytes(), err
}

// command prepares a command with the script's folder and environment.
func command(ts *testscript.TestScript, args []string) *exec.Cmd {
	program, err := exec.LookPath(args[0])
	ts.Check(err)
	for i, arg := range args {
		if unquoted, err := strconv.Unquote(arg); err == nil {
			args[i] = unquoted // for letters that a script cannot hold
		}
	}
	cmd := exec.Command(program, args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, v := range []string{"PATH", "HOME", "TMPDIR", "PASSEUR_HOME", "PASSEUR_ACCEPT", "PASSEUR_LISTEN", "PASSEUR_MDNS", "PASSEUR_STUN", "PASSEUR_CONFIG", "NOTIFY_SOCKET", "WATCHDOG_USEC", "GOCOVERDIR", "GORACE"} {
		cmd.Env = append(cmd.Env, v+"="+ts.Getenv(v))
	}
	return cmd
}

// cmdGet is "get VAR FILE KEY…": takes a value out of the JSON in a file (or
// stdout), whose last line counts; a KEY is an object's key or an array's index.
func cmdGet(ts *testscript.TestScript, _ bool, args []string) {
	lines := strings.Split(strings.TrimSpace(ts.ReadFile(args[1])), "\n")
	var value any
	ts.Check(json.Unmarshal([]byte(lines[len(lines)-1]), &value))
	for _, key := range args[2:] {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			ts.Check(err)
			value = v[i]
		default:
			ts.Fatalf("no %s in %v", key, value)
		}
	}
	ts.Setenv(args[0], fmt.Sprint(value))
}

// cmdMistype is "mistype VAR CODE": a code whose last word is another one.
func cmdMistype(ts *testscript.TestScript, _ bool, args []string) {
	words := strings.Split(args[1], "-")
	last := "aardvark"
	if words[len(words)-1] == last {
		last = "academy"
	}
	words[len(words)-1] = last
	ts.Setenv(args[0], strings.Join(words, "-"))
}

// cmdMistyped is "mistyped VAR FILE": mistype of the code that a file holds.
func cmdMistyped(ts *testscript.TestScript, neg bool, args []string) {
	cmdMistype(ts, neg, []string{args[0], strings.TrimSpace(ts.ReadFile(args[1]))})
}

// cmdRandom is "random FILE SIZE": makes a file of random bytes.
func cmdRandom(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = io.CopyN(f, rand.Reader, size)
	ts.Check(errors.Join(err, f.Close()))
}

// cmdSHA3 is "sha3 VAR FILE": the file's SHA3-512 in hex.
func cmdSHA3(ts *testscript.TestScript, _ bool, args []string) {
	content, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	sum := sha3.Sum512(content)
	ts.Setenv(args[0], hex.EncodeToString(sum[:]))
}

// cmdMode is "umode MODE FILE": the file's type and permissions, as ls writes them.
func cmdMode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := info.Mode().String(); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// jobs are the processes in the background of a script.
type jobs struct {
	fail   func(format string, args ...any) // usable at the end of a script too
	mu     sync.Mutex
	byName map[string]*job
}

type jobsKey struct{}

// job is a process in the background; its output goes to NAME.out and NAME.err.
type job struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	err  error         // of Wait, valid after done
	// checked: the script has said which exit code it wants.
	checked bool
}

func jobsOf(ts *testscript.TestScript) *jobs { return ts.Value(jobsKey{}).(*jobs) }

func (j *jobs) get(ts *testscript.TestScript, name string) *job {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.byName[name] == nil {
		ts.Fatalf("no job %q", name)
	}
	return j.byName[name]
}

// cmdStart is "start NAME COMMAND…": runs a command in the background.
func cmdStart(ts *testscript.TestScript, _ bool, args []string) {
	startJob(ts, args[0], args[1:])
}

func startJob(ts *testscript.TestScript, name string, args []string) *job {
	cmd := command(ts, args)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	log, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	cmd.Stdout, cmd.Stderr = out, log
	ts.Check(cmd.Start())
	ts.Check(errors.Join(out.Close(), log.Close()))
	j := &job{cmd: cmd, done: make(chan struct{})}
	go func() { j.err = cmd.Wait(); close(j.done) }()
	all := jobsOf(ts)
	all.mu.Lock()
	all.byName[name] = j
	all.mu.Unlock()
	ts.Defer(func() { j.stop(ts, name) })
	return j
}

// stop ends the process at the end of the script. It must then end by itself,
// with exit code 0: the race detector would say 66.
func (j *job) stop(ts *testscript.TestScript, name string) {
	if j.checked {
		return
	}
	j.cmd.Process.Signal(syscall.SIGTERM) // no harm if it has ended
	select {
	case <-j.done:
	case <-time.After(deadline):
		j.cmd.Process.Signal(syscall.SIGQUIT) // its goroutines go to the log
		<-j.done
	}
	if j.err != nil {
		log, _ := os.ReadFile(ts.MkAbs(name + ".err"))
		jobsOf(ts).fail("%s: %s ended with %v; its log:\n%s", ts.Name(), name, j.err, log)
	}
}

// cmdSignal is "signal NAME INT|TERM|KILL|HUP".
func cmdSignal(ts *testscript.TestScript, _ bool, args []string) {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP}
	ts.Check(jobsOf(ts).get(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// cmdEnd is "end NAME CODE": waits for the end of a job, which must exit with
// CODE (-1: killed), and makes its output stdout and stderr.
func cmdEnd(ts *testscript.TestScript, _ bool, args []string) {
	j := jobsOf(ts).get(ts, args[0])
	select {
	case <-j.done:
	case <-time.After(deadline):
		ts.Fatalf("%s does not end; it said\n%s%s", args[0], ts.ReadFile(args[0]+".out"), ts.ReadFile(args[0]+".err"))
	}
	j.checked = true
	got := strconv.Itoa(exitCode(ts, j.err))
	fmt.Fprint(ts.Stdout(), ts.ReadFile(args[0]+".out"))
	fmt.Fprint(ts.Stderr(), ts.ReadFile(args[0]+".err"))
	if got != args[1] {
		ts.Fatalf("%s exited with code %s, want %s:\n%s%s", args[0], got, args[1], ts.ReadFile(args[0]+".out"), ts.ReadFile(args[0]+".err"))
	}
}

// cmdNode is "node NAME FLAGS…": starts a node with the home NAME, waits until
// it is ready and sets NAME_ACCOUNT, NAME_DEVICE and NAME_ADDR.
func cmdNode(ts *testscript.TestScript, _ bool, args []string) {
	name := args[0]
	line := []string{"passeur", "run", "--json", "--home", name, "--name", name, "--listen", "127.0.0.1:0", "--mdns", "off", "--portmap", "off"}
	j := startJob(ts, name, append(line, args[1:]...))
	ready := awaitReady(ts, name, j)
	ts.Setenv(name+"_ACCOUNT", ready.Account)
	ts.Setenv(name+"_DEVICE", ready.Device)
	ts.Setenv(name+"_ADDR", ready.Addrs[0])
}

func awaitReady(ts *testscript.TestScript, name string, j *job) (ready readyEvent) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	for {
		if line, _, whole := bytes.Cut([]byte(ts.ReadFile(name+".out")), []byte("\n")); whole {
			ts.Check(json.Unmarshal(line, &ready))
			return ready
		}
		select {
		case <-tick.C:
		case <-j.done:
			ts.Fatalf("node %s ended: %v\n%s", name, j.err, ts.ReadFile(name+".err"))
		case <-ctx.Done():
			ts.Fatalf("node %s is not ready:\n%s", name, ts.ReadFile(name+".err"))
		}
	}
}

// cmdSTUN is "stun NAME": runs a STUN server over TCP on loopback that sees
// everybody as he is, and sets NAME to its address.
func cmdSTUN(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { answerSTUN(c) })
		}
	})
	ts.Defer(func() { l.Close(); running.Wait() })
	ts.Setenv(args[0], l.Addr().String())
}

// answerSTUN answers Binding requests (RFC 8489) until the client goes, which
// ends with its node.
func answerSTUN(c net.Conn) {
	defer c.Close()
	from := c.RemoteAddr().(*net.TCPAddr)
	for {
		request := stun.New()
		if _, err := request.ReadFrom(c); err != nil {
			return
		}
		answer, err := stun.Build(request, stun.BindingSuccess, &stun.XORMappedAddress{IP: from.IP, Port: from.Port})
		if err != nil {
			return
		}
		if _, err := c.Write(answer.Raw); err != nil {
			return
		}
	}
}

// cmdTrio is "trio FLAGS…": a DHT node, alice and bob, who share nothing else;
// the flags are bob's.
func cmdTrio(ts *testscript.TestScript, neg bool, args []string) {
	cmdNode(ts, neg, []string{"dht", "--dht", "server"})
	join := []string{"--dht", "client", "--bootstrap", ts.Getenv("dht_ADDR")}
	cmdNode(ts, neg, append([]string{"alice"}, join...))
	cmdNode(ts, neg, append(append([]string{"bob"}, join...), args...))
}

// cmdFriends is "friends": makes alice and bob contacts.
func cmdFriends(ts *testscript.TestScript, neg bool, _ []string) {
	ts.Check(ts.Exec("passeur", "contact", "add", "--home", "alice", ts.Getenv("bob_ACCOUNT"), "--name", "bob"))
	cmdEventually(ts, neg, []string{`"pending"`, "passeur", "contact", "list", "--json", "--home", "bob"})
	ts.Check(ts.Exec("passeur", "contact", "accept", "--home", "bob", ts.Getenv("alice_ACCOUNT"), "--name", "alice"))
	cmdEventually(ts, neg, []string{`"accepted"`, "passeur", "contact", "list", "--json", "--home", "alice"})
}
