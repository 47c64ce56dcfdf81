package faults

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/passeur-p2p/passeur/test/lab"
)

// The binary is static, so nothing can be preloaded (libfaketime), and a time namespace
// moves the monotonic clocks only. So the clock is changed within the process: Go asks
// for the time by a function of the kernel's vDSO whose address it keeps in a variable.
// That is made to point at a few instructions that add to the wall clock's seconds; they
// lie where Go's runtime has a function that is called once, at the start.

// canWarp tells whether the instructions are those of this machine.
func canWarp() bool { return runtime.GOARCH == "amd64" }

// What is written over runtime.check: at 0 the seconds to add, at 8 the address of the
// vDSO's clock_gettime(clockid, timespec *), at 16 the code.
//
//	push rdi; push rsi; sub rsp, 8
//	call [rip-18]               ; the vDSO's
//	add rsp, 8; pop rsi; pop rdi
//	test edi, edi; jne end      ; 0 is CLOCK_REALTIME
//	mov rcx, [rip-39]; add [rsi], rcx
//	end: ret
var warpCode = []byte{
	0x57, 0x56, 0x48, 0x83, 0xec, 0x08,
	0xff, 0x15, 0xec, 0xff, 0xff, 0xff,
	0x48, 0x83, 0xc4, 0x08, 0x5e, 0x5f,
	0x85, 0xff, 0x75, 0x0a,
	0x48, 0x8b, 0x0d, 0xd3, 0xff, 0xff, 0xff, 0x48, 0x01, 0x0e,
	0xc3,
}

const (
	clockVariable = "runtime.vdsoClockgettimeSym"
	clockRoom     = "runtime.check"
)

// warp has a process think that it is later by so much, or earlier, than it is.
func warp(t testing.TB, pid int, by time.Duration) {
	t.Helper()
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	variable, room := clockSymbols(t)
	seconds := binary.LittleEndian.AppendUint64(nil, uint64(int64(by/time.Second)))
	poke(t, mem, room, seconds)
	now := make([]byte, 8)
	if _, err := mem.ReadAt(now, int64(variable)); err != nil {
		t.Fatal(err)
	}
	if code := room + 16; binary.LittleEndian.Uint64(now) != code {
		poke(t, mem, room+8, now)
		poke(t, mem, code, warpCode)
		poke(t, mem, variable, binary.LittleEndian.AppendUint64(nil, code)) // from here on it counts
	}
}

func poke(t testing.TB, mem *os.File, at uint64, b []byte) {
	t.Helper()
	if _, err := mem.WriteAt(b, int64(at)); err != nil {
		t.Fatalf("write into a node's memory: %v", err)
	}
}

// clockSymbols finds the two places in the binary, the second one at a multiple of 8.
func clockSymbols(t testing.TB) (variable, room uint64) {
	t.Helper()
	f, err := elf.Open(lab.Passeur())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range symbols {
		switch {
		case s.Name == clockVariable:
			variable = s.Value
		case s.Name == clockRoom && s.Size >= uint64(24+len(warpCode)):
			room = (s.Value + 7) &^ 7
		}
	}
	if variable == 0 || room == 0 {
		t.Fatalf("the binary has no %s, or no %s with room", clockVariable, clockRoom)
	}
	return variable, room
}
