package main

import "golang.org/x/sys/cpu"

// rows in the order of the table. Some bounds depend on what the processor can do
// eight sums at once with.
var rows = []row{
	{
		name: "disk", title: "1 GiB, verified on disk",
		field: diskField,
		goals: []goal{
			{of: "passeur", to: wayDefault, in: seconds, atMost: byProcessor(1.05, 1.5)},
			{of: "passeur", to: "scp", in: seconds, atMost: 0.6},
			{of: "passeur", to: "syncthing", in: seconds, atMost: 0.6},
			{of: "passeur", in: effort, atMost: byProcessor(2.5, 3.5)},
		},
	},
	{
		name: "stream", title: "a stream, nothing hashed or stored",
		times: 2,
		field: streamField,
		goals: []goal{{of: wayICE, to: wayTLS, in: speed, atLeast: 0.95}},
		after: limit,
	},
	{
		name: "far", title: "1 GiB at 50 ms, 1 Gbit/s",
		field: farField,
		goals: []goal{
			{of: "one", to: wayTLS, in: speed, atLeast: 0.95},
			{of: "several", to: "aria2", in: speed, atLeast: 0.9},
		},
	},
	{
		name: "lossy", title: "64 MiB at 100 ms, 100 Mbit/s, 1 % lost each way, BBR",
		field: lossyField,
		goals: []goal{{of: "passeur", to: wayTLS, in: seconds, atMost: 1.1}},
	},
	{
		name: "cubic", title: "4 MiB on that path, CUBIC",
		times: 2,
		field: cubicField,
		goals: []goal{{of: "passeur", to: "aria2", in: seconds, atMost: 1.2}},
	},
	{
		name: "live", title: "1 KiB at 50 ms, connected",
		times: 5,
		field: liveField,
		goals: []goal{{of: "passeur", in: trips, atMost: 3}},
	},
	{
		name: "cold", title: "1 KiB at 50 ms, not connected",
		times: 2,
		field: coldField,
		goals: []goal{{of: "passeur", in: trips, atMost: 10}},
	},
	{
		name: "folder", title: "a folder of 10,000 files of 4 KiB",
		field: folderField,
		goals: []goal{{of: "passeur", to: "rsync", in: seconds, atMost: 1}},
	},
	{
		name: "holders", title: "a file whose holders have 100 Mbit/s each",
		field: holdersField,
		goals: []goal{{of: "three", to: "one", in: speed, atLeast: 2.7}},
	},
	{
		name: "big", title: "10 GiB, nearly all of it a hole",
		once:  true,
		field: bigField,
		goals: []goal{
			{of: "passeur", in: memory, atMost: 64},
			{of: "passeur", in: growth, atMost: 1.15},
		},
	},
	{
		name: "resume", title: "10 GiB, interrupted at 90 %",
		once:  true,
		field: resumeField,
		goals: []goal{{of: "passeur", in: seconds, atMost: 1}},
	},
}

// byProcessor chooses a bound.
func byProcessor(avx512, other float64) float64 {
	if cpu.X86.HasAVX512F {
		return avx512
	}
	return other
}
