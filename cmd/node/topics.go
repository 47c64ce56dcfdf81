package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Topics are pages of the help that are about no command.

func exitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("What a command's exit code means:\n\n")
	for _, e := range exitCodes {
		fmt.Fprintf(&b, "  %3d  %s\n", e.code, e.means)
	}
	b.WriteString(`
With --json the last line says more: "code" is a word that never changes, and "message"
the sentence that people get on standard error. docs/scripts.md lists the words.`)
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}

func jsonTopic() *cobra.Command {
	return &cobra.Command{
		Use: "json", Short: "What --json prints",
		Long: `With --json standard output holds JSON and nothing else, one value a line. Letters that
could do harm on a terminal are written as \uXXXX, so a line may be looked at.

Lists print one array, commands that show or change one thing one object. Commands that
take a while ('send', 'accept', 'get', 'receive', 'contact invite' and 'join', 'device
link' and 'join') print one event a line, an object with the key "event":

  offer      the transfer has begun: its "id", "name", "size", "contact"
  phase      a step: "lookup", "found", "answered", "pair", "tls", "go", "verified" …
  part       one device that the file is offered to has another "state"
  path       the way that the bytes go: direct, punched, mapped or relayed
  progress   "bytes" of "size" have crossed, at "rate" bytes a second
  pairing    a one-time code has another "state"; the first has the code
  done       the end. "code" is "" if all is well, else a word that says why not
  error      the end, where nothing could begin or go on: "code" and "message"

The last line is "done" or "error". Times are in UTC (RFC 3339), sizes in bytes, sums in
hex. docs/scripts.md has every key, with examples.`,
		Example: `  passeur send --json film.mkv bob | jq -r 'select(.event == "progress").bytes'
  passeur inbox --json | jq -r '.[] | select(.from == "alice" and .kind == "offer").id'`,
	}
}

func environmentTopic() *cobra.Command {
	return &cobra.Command{
		Use: "environment", Short: "Which environment variables count",
		Long: `  PASSEUR_HOME      the folder of the node's state, as --home
  PASSEUR_JSON      1: print JSON, as --json; likewise PASSEUR_QUIET and PASSEUR_VERBOSE
  PASSEUR_LISTEN    as --listen of 'passeur run', and so for each of its flags: a dash is
                    written as _, several values are separated by commas
  XDG_DATA_HOME     the home is the folder passeur in it, if nothing else is said
  GOMEMLIMIT        from how much memory on 'passeur run' collects garbage more eagerly
                    (default 768MiB); it may need more nevertheless
  NO_COLOR          if it is set and not empty, nothing is coloured
  TERM              dumb: no bars that are redrawn, plain lines instead

A flag counts before the environment, and that before the config file.`,
	}
}
