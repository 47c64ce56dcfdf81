package docs

import (
	"fmt"
	"regexp"
	"strings"
)

// prelude are the functions that do what a person does while reading: look whether a
// node is ready, type a command again until it says what was promised, and take a code or an id
// from what was said. Each waits two minutes at most.
const prelude = `
exec 9>~/.trace; BASH_XTRACEFD=9
patiently() { # COMMAND…: again and again, until it succeeds
	local n
	for n in {1..600}; do
		if "$@" 2>/dev/null; then return; fi
		sleep 0.2
	done
	echo "in vain, for two minutes: $*" >&2
	return 1
}
ready() { patiently passeur "$@" contact list >/dev/null; } # as others that speak to it
once() { # WORDS COMMAND: succeeds, and tells, if the command says the words
	local out
	out=$(eval "$2" 2>&1) || true
	grep -qF -e "$1" <<<"$out" && printf '%s\n' "$out"
}
until_says() { echo "$2" >~/.look; patiently once "$1" "$2" | tee ~/.seen; }
last() { grep -oE -e "(^| )$1( |\$)" "$2" | tail -n 1 | tr -d ' ' | grep .; } # PATTERN FILE
seen() { patiently look "$1"; } # by the last that was typed until it said something; it is typed again if it has no such thing
look() { last "$1" ~/.seen || { eval "$(cat ~/.look)" >~/.seen 2>&1 && last "$1" ~/.seen; }; }
said() { patiently last "$1" "$TRANSCRIPT"; } # by anybody, maybe in the background
shown() { # as said, but nothing that was taken before: a code works once
	local code
	code=$(patiently unused "$1") && tee -a ~/.used <<<"$code"
}
unused() { last "$1" "$TRANSCRIPT" | grep -vxF -f ~/.used; }
touch ~/.used ~/.seen
`

// told are examples in pages that stand for what a node has said last. Ids are taken of
// what the person looked at: at the same time commands in the background tell theirs.
var told = []struct{ example, takes string }{
	{"acorn-breeze-cable-dune-ember", `shown '[a-z]+(-[a-z]+){4}'`},
	{"acorn-breeze-cable-dune", `shown '[a-z]+(-[a-z]+){3}'`},
	{"482-acorn-breeze-cable", `shown '[0-9]{3}(-[a-z]+){3}'`},
	{"passeur:…", `said 'passeur:[a-z2-7]{50,}'`},
	{"0123456789abcdef", `seen '[0-9a-f]{16}'`},
	{"3f2a91c0", `seen '[0-9a-f]{8}'`},
}

var (
	startsNode = regexp.MustCompile(`^passeur\b(.* )?run\b.*& *(#.*)?$`)
	homeFlag   = regexp.MustCompile(`--home[ =]\S+`)
	untilSays  = regexp.MustCompile(`^(.*\S) +# until it says (.*\S) *$`)
	waitsFor   = regexp.MustCompile(`^(.*\S) +# waits for .*$`)
)

// script makes one script for bash of all that a page tells to type. Before the output
// of each block stands its mark.
func script(p *page) string {
	var b strings.Builder
	b.WriteString(prelude)
	for _, block := range p.blocks {
		if block.kind != "sh" {
			continue
		}
		fmt.Fprintf(&b, "\n# %s:%d\necho '%s'\n", p.name, block.line, mark(p, block))
		if block.whom == "" {
			b.WriteString("unset PASSEUR_HOME\n")
		} else {
			fmt.Fprintf(&b, "export PASSEUR_HOME=$HOME/%s\n", block.whom)
		}
		for _, l := range strings.Split(block.text, "\n") {
			b.WriteString(bashLine(l) + "\n")
		}
	}
	return b.String()
}

func mark(p *page, b block) string { return fmt.Sprintf("=== %s:%d", p.name, b.line) }

// bashLine is a line as it stands, but for what a person would not type literally.
func bashLine(l string) string {
	for _, e := range told {
		l = strings.ReplaceAll(l, e.example, `"$(`+e.takes+`)"`)
	}
	if m := untilSays.FindStringSubmatch(l); m != nil {
		return fmt.Sprintf("until_says %s %s", quote(m[2]), quote(m[1]))
	}
	if m := waitsFor.FindStringSubmatch(l); m != nil {
		return m[1] + " &"
	}
	if startsNode.MatchString(l) {
		return l + "\nready " + homeFlag.FindString(l)
	}
	return l
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
