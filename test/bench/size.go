package main

import (
	"fmt"
	"strconv"
	"strings"
)

// size is a number of bytes, whole pieces of 1 MiB.
type size int64

func (s size) String() string {
	if s%(1<<30) == 0 {
		return fmt.Sprintf("%dGiB", s>>30)
	}
	return fmt.Sprintf("%dMiB", s>>20)
}

func (s *size) Set(text string) error {
	for suffix, unit := range map[string]int64{"MiB": 1 << 20, "GiB": 1 << 30} {
		digits, ok := strings.CutSuffix(text, suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 20)
		if err != nil || n < 1 {
			break
		}
		*s = size(n * unit)
		return nil
	}
	return fmt.Errorf("want a number of MiB or GiB, such as 256MiB")
}
