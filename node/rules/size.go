package rules

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes in a config file: "200M", "1.5GiB", 5000. It is a struct
// because a decoder would not ask a number how to read a text. The zero Size is no
// bound.
type Size struct{ Bytes int64 }

var errSize = errors.New(`write a size in quotes, for instance "500k", "200M" or "1.5GiB"; leave it out for no bound`)

var units = map[string]float64{
	"": 1, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "ki": 1 << 10, "mi": 1 << 20, "gi": 1 << 30, "ti": 1 << 40,
}

// ParseSize reads a number of bytes of at least 1: with k, M, G or T for thousands,
// with Ki, Mi, Gi or Ti for 1024ths, and perhaps a B.
func ParseSize(text string) (Size, error) {
	bytes, err := ParseBytes(text)
	if err != nil || bytes < 1 {
		return Size{}, errSize
	}
	return Size{int64(math.Round(bytes))}, nil
}

// ParseBytes reads a number of bytes as ParseSize does, 0 or a part of one too: at least
// 0 and below 2^63. What it says of anything else is about sizes in a config file.
func ParseBytes(text string) (float64, error) {
	word := strings.TrimSuffix(strings.ToLower(strings.TrimSpace(text)), "b")
	digits := strings.TrimRight(word, "kmgti ")
	unit, known := units[strings.TrimSpace(word[len(digits):])]
	if !known || strings.Trim(digits, "0123456789.") != "" {
		return 0, errSize
	}
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || number*unit >= math.MaxInt64 {
		return 0, errSize
	}
	return number * unit, nil
}

// UnmarshalText is ParseSize.
func (s *Size) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSize(string(text))
	return err
}

// MarshalText writes the size so that it reads back as the same; none is empty.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes it in the largest unit that divides it; none is empty.
func (s Size) String() string {
	if s.Bytes == 0 {
		return ""
	}
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"T", 1e12}, {"Ti", 1 << 40}, {"G", 1e9}, {"Gi", 1 << 30}, {"M", 1e6}, {"Mi", 1 << 20}, {"k", 1e3}, {"Ki", 1 << 10}} {
		if s.Bytes%unit.bytes == 0 {
			return strconv.FormatInt(s.Bytes/unit.bytes, 10) + unit.name
		}
	}
	return strconv.FormatInt(s.Bytes, 10)
}
