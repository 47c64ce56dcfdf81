//go:build ignore

// This program writes absorb8 for AVX-512: Keccak-f[1600] on eight states at once.
//
// A register holds the same 64 bits ("lane" in FIPS 202) of all eight states. The
// 25 lanes of the state never leave their registers, and seven are left for what one
// step needs. An instruction that takes any function of three operands (VPTERNLOGQ)
// does two exclusive-ors, or all of chi for a lane, so that a round is 90 of those
// instructions that compute and a few moves, which cost nothing but their decoding.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

const (
	rounds        = 24
	rows, columns = 5, 5
	rateWords     = 136 / 8 // SHA3-256 absorbs so many lanes at a time
)

var zmm = []VecPhysical{
	Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
	Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31,
}

// spare are the registers that do not hold the state.
var spare = zmm[rows*columns:]

// lane is the register that holds A[x,y].
func lane(x, y int) VecPhysical { return zmm[x+columns*y] }

func main() {
	Package("github.com/passeur-p2p/passeur/protocols/filexfer/sha3tree")
	constants := roundConstants()

	TEXT("absorb8", NOSPLIT, "func(state *[25][8]uint64, data *[8]*byte, blocks int)")
	Doc("absorb8 takes blocks times 136 bytes from each of the addresses in data into the",
		"state of that number, and permutes the states after every block. state[n] is lane",
		"n of all eight. There is at least one block. It needs AVX512F.")
	Pragma("noescape")
	state := Load(Param("state"), GP64())
	from := addresses(Load(Param("data"), GP64()))
	blocks := Load(Param("blocks"), GP64())
	offset, constant, round := GP64(), GP64(), GP64()
	for n := range rows * columns {
		VMOVDQU64(Mem{Base: state, Disp: 64 * n}, zmm[n])
	}
	XORQ(offset, offset)

	Label("block")
	absorb(from, offset)
	ADDQ(U8(8*rateWords), offset)
	LEAQ(constants, constant)
	MOVQ(U32(rounds), round)

	Label("round")
	theta()
	rhoPi()
	chi()
	Comment("iota")
	VPXORQ_BCST(Mem{Base: constant}, lane(0, 0), lane(0, 0))
	ADDQ(U8(8), constant)
	DECQ(round)
	JNZ(LabelRef("round"))
	DECQ(blocks)
	JNZ(LabelRef("block"))

	for n := range rows * columns {
		VMOVDQU64(zmm[n], Mem{Base: state, Disp: 64 * n})
	}
	VZEROUPPER()
	RET()
	Generate()
}

// addresses loads where the eight messages are.
func addresses(data Register) (from [8]Register) {
	for i := range from {
		from[i] = GP64()
		MOVQ(Mem{Base: data, Disp: 8 * i}, from[i])
	}
	return from
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
// loaded as eight pairs, four to a register, and interleaved: that takes less time
// than to gather each word (VPGATHERQQ). The last word comes as a pair with the one
// before it, which is left out.
func absorb(from [8]Register, offset Register) {
	even, odd, word := spare[0], spare[1], spare[2]
	for n := 0; n < rateWords; n += 2 {
		low := min(n, rateWords-2)
		Comment(fmt.Sprintf("Words %d and %d", low, low+1))
		loadPairs(low, even, from[0], from[2], from[4], from[6], offset)
		loadPairs(low, odd, from[1], from[3], from[5], from[7], offset)
		if low == n {
			VPUNPCKLQDQ(odd, even, word)
			VPXORQ(word, zmm[low], zmm[low])
		}
		VPUNPCKHQDQ(odd, even, word)
		VPXORQ(word, zmm[low+1], zmm[low+1])
	}
}

// loadPairs loads the words n and n+1 of four messages.
func loadPairs(n int, into VecPhysical, a, b, c, d, offset Register) {
	at := func(base Register) Mem { return Mem{Base: base, Index: offset, Scale: 1, Disp: 8 * n} }
	VBROADCASTI32X4(at(a), into)
	VINSERTI32X4(U8(1), at(b), into, into)
	VINSERTI32X4(U8(2), at(c), into, into)
	VINSERTI32X4(U8(3), at(d), into, into)
}

// theta adds to each lane the parities of two columns: the one to the left, and the
// one to the right rotated by one.
func theta() {
	Comment("theta")
	parity, rotated := spare[:columns], spare[columns]
	for x := range columns {
		VMOVDQA64(lane(x, 0), parity[x])
		xor3(lane(x, 1), lane(x, 2), parity[x])
		xor3(lane(x, 3), lane(x, 4), parity[x])
	}
	for x := range columns {
		VPROLQ(U8(1), parity[(x+1)%columns], rotated)
		for y := range rows {
			xor3(parity[(x+4)%columns], rotated, lane(x, y))
		}
	}
}

// rhoPi rotates each lane and moves it to its new place in one instruction. All but
// A[0,0] go round one circle of 24 places; it is walked backwards, so that each place
// is free when a lane comes to it.
func rhoPi() {
	Comment("rho and pi")
	var circle [rows*columns - 1]VecPhysical
	for t, x, y := 0, 1, 0; t < len(circle); t++ {
		circle[t] = lane(x, y)
		x, y = y, (2*x+3*y)%columns
	}
	last := len(circle) - 1
	VMOVDQA64(circle[last], spare[0])
	for t := last - 1; t >= 0; t-- {
		VPROLQ(rotation(t), circle[t], circle[t+1])
	}
	VPROLQ(rotation(last), spare[0], circle[0])
}

// rotation is by how much the lane on place t of the circle is rotated.
func rotation(t int) U8 { return U8((t + 1) * (t + 2) / 2 % 64) }

// chi adds to each lane, in its row, the next but one where the next is zero.
func chi() {
	Comment("chi")
	const xorNotAnd = 0b11010010 // a ^ (^b & c), by the bits abc
	for y := range rows {
		first, second := spare[y%2*2], spare[y%2*2+1]
		VMOVDQA64(lane(0, y), first)
		VMOVDQA64(lane(1, y), second)
		VPTERNLOGQ(U8(xorNotAnd), lane(2, y), lane(1, y), lane(0, y))
		VPTERNLOGQ(U8(xorNotAnd), lane(3, y), lane(2, y), lane(1, y))
		VPTERNLOGQ(U8(xorNotAnd), lane(4, y), lane(3, y), lane(2, y))
		VPTERNLOGQ(U8(xorNotAnd), first, lane(4, y), lane(3, y))
		VPTERNLOGQ(U8(xorNotAnd), second, first, lane(4, y))
	}
}

// xor3 adds a and b to sum.
func xor3(a, b, sum VecPhysical) { VPTERNLOGQ(U8(0b10010110), a, b, sum) }
