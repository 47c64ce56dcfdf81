// Package dialogue plays one side of a stream protocol from a script of bytes, for
// fuzz targets that are a whole peer: what it says, in which pieces, what it waits
// for, when it is silent, when it ends. A script is what a fuzzer changes; the first
// ones are written by [Recorder]s that listened to real services.
//
// It knows no protocol. Everything happens inside a synctest bubble ([InBubble]):
// minutes of silence cost nothing, and a goroutine that is left fails the test.
//
// # The script
//
// It is a list of steps. A step is a byte, of which the three low bits say what to
// do, and its operands, big endian; operands that are cut off are zeros.
//
//	0 say      length 2 ‖ so many bytes, or what there is of them
//	1 repeat   count 3 ‖ byte: says it so often; 4 MiB in a script at most
//	2 await    count 3: until so many more bytes were heard, the stream ends, or 12 minutes are over
//	3 pause    count 1: three times so many seconds
//	4 close    says no more
//	5 reset    the end
//	6 pieces   count 1: what is said from now on is written in pieces of so many bytes; 0: at once
//	7 deaf     nothing is read any more until the next await
package dialogue

import "time"

// What a step does.
const (
	say = iota
	repeat
	await
	pause
	closing
	reset
	pieces
	deaf
)

const (
	maxRepeated = 4 << 20
	// What is behind so many steps or writes, or half an hour, is not played: then the memory
	// that a dialogue takes is the service's, and not that of the network under it.
	maxSteps  = 500
	maxWrites = 2000
	// patience is how long an await and the silence after a script last: longer than
	// any of our services waits for the other side.
	patience = 12 * time.Minute
	// second is the unit of a pause.
	second = 3 * time.Second
)
