//go:build ignore

// This program writes absorb8 for AVX-512: Keccak-f[1600] on eight states at once.
//
// A register holds the same 64 bits ("lane" in FIPS 202) of all eight states. The
// state A[x,y] takes 25 of the 32 registers and never leaves them; the other seven
// are for what one step needs. Step pi of a round moves no bytes: it only changes
// which register is called A[x,y], and after 24 rounds, all written out, each has
// its first name again. An instruction that takes any function of three operands
// (VPTERNLOGQ) does two exclusive-ors, or all of chi for a lane.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	rounds    = 24
	rateWords = 136 / 8 // SHA3-256 absorbs so many lanes at a time
	columns   = 5
)

var zmm = []VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// spare are the registers that do not hold the state.
var spare = zmm[25:]

// lanes says which register holds A[x,y].
type lanes [columns][columns]VecPhysical

// word is lane number n in the order in which bytes are absorbed.
func (a *lanes) word(n int) VecPhysical { return a[n%columns][n/columns] }

func main() {
	Package("github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree")
	constants := roundConstants()

	TEXT("absorb8", NOSPLIT, "func(state *[25][8]uint64, data *[8]*byte, blocks int)")
	Doc("absorb8 takes blocks times 136 bytes from each of the addresses in data into the",
		"state of that number, and permutes the states after every block. state[n] is lane",
		"n of all eight. There is at least one block. It needs AVX512F.")
	Pragma("noescape")
	state := Load(Param("state"), GP64())
	data := Load(Param("data"), GP64())
	blocks := Load(Param("blocks"), GP64())
	var from [8]Register
	for i := range from {
		from[i] = GP64()
		MOVQ(Mem{Base: data, Disp: 8 * i}, from[i])
	}
	offset := GP64()
	XORQ(offset, offset)
	var a lanes
	for n := range columns * columns {
		a[n%columns][n/columns] = zmm[n]
		VMOVDQU64(Mem{Base: state, Disp: 64 * n}, zmm[n])
	}

	Label("block")
	absorb(&a, from, offset)
	ADDQ(U8(rateWords*8), offset)
	first := a
	for r := range rounds {
		Comment(fmt.Sprintf("Round %d", r))
		theta(&a)
		rhoPi(&a)
		chi(&a)
		VPXORQ_BCST(constants.Offset(8*r), a[0][0], a[0][0])
	}
	if a != first {
		panic("the lanes are not where they were")
	}
	DECQ(blocks)
	JNZ(LabelRef("block"))

	for n := range columns * columns {
		VMOVDQU64(zmm[n], Mem{Base: state, Disp: 64 * n})
	}
	VZEROUPPER()
	RET()
	Generate()
}

// roundConstants makes the table of step iota (FIPS 202, section 3.2.5): bit 2^j-1
// of constant r is bit j+7r of a shift register.
func roundConstants() Mem {
	table := GLOBL("roundConstants", RODATA|NOPTR)
	shift := byte(1)
	for r := range rounds {
		var c uint64
		for j := range 7 {
			c |= uint64(shift&1) << (1<<j - 1)
			carry := shift >> 7
			shift = shift<<1 ^ carry*0x71
		}
		DATA(8*r, U64(c))
	}
	return table
}

// absorb adds a block of each message to its state. Two words of all eight are
// loaded as eight pairs, four to a register, and interleaved. The last word comes
// as a pair with the one before it, which is dropped.
func absorb(a *lanes, from [8]Register, offset Register) {
	even, odd, word := spare[0], spare[1], spare[2]
	pairs := func(n int, into VecPhysical, first int) {
		for i := range 4 {
			m := Mem{Base: from[first+2*i], Index: offset, Scale: 1, Disp: 8 * n}
			if i == 0 {
				VBROADCASTI32X4(m, into)
			} else {
				VINSERTI32X4(U8(i), m, into, into)
			}
		}
	}
	for n := 0; n < rateWords; n += 2 {
		at := min(n, rateWords-2)
		Comment(fmt.Sprintf("Words %d and %d", at, at+1))
		pairs(at, even, 0)
		pairs(at, odd, 1)
		if at == n {
			VPUNPCKLQDQ(odd, even, word)
			VPXORQ(word, a.word(n), a.word(n))
		}
		VPUNPCKHQDQ(odd, even, word)
		VPXORQ(word, a.word(at+1), a.word(at+1))
	}
}

// theta adds to each lane the parities of two columns: the one to the left, and the
// one to the right rotated by one.
func theta(a *lanes) {
	parity, rotated := spare[:columns], spare[columns]
	for x, column := range a {
		VMOVDQA64(column[0], parity[x])
		xor3(column[1], column[2], parity[x])
		xor3(column[3], column[4], parity[x])
	}
	for x := range a {
		VPROLQ(U8(1), parity[(x+1)%columns], rotated)
		for y := range a[x] {
			xor3(parity[(x+4)%columns], rotated, a[x][y])
		}
	}
}

// rhoPi rotates the lanes and gives them their new names.
func rhoPi(a *lanes) {
	var b lanes
	b[0][0] = a[0][0]
	x, y := 1, 0
	for t := range columns*columns - 1 {
		VPROLQ(U8((t+1)*(t+2)/2%64), a[x][y], a[x][y])
		b[y][(2*x+3*y)%columns] = a[x][y]
		x, y = y, (2*x+3*y)%columns
	}
	*a = b
}

// chi adds to each lane, in its row, the next but one where the next is zero.
func chi(a *lanes) {
	const xorAndNot = 0b11010010 // a ^ (^b & c), by the bits abc
	for y := range columns {
		first, second := spare[y%2*2], spare[y%2*2+1]
		VMOVDQA64(a[0][y], first)
		VMOVDQA64(a[1][y], second)
		VPTERNLOGQ(U8(xorAndNot), a[2][y], a[1][y], a[0][y])
		VPTERNLOGQ(U8(xorAndNot), a[3][y], a[2][y], a[1][y])
		VPTERNLOGQ(U8(xorAndNot), a[4][y], a[3][y], a[2][y])
		VPTERNLOGQ(U8(xorAndNot), first, a[4][y], a[3][y])
		VPTERNLOGQ(U8(xorAndNot), second, first, a[4][y])
	}
}

// xor3 adds a and b to sum.
func xor3(a, b, sum VecPhysical) { VPTERNLOGQ(U8(0b10010110), a, b, sum) }
