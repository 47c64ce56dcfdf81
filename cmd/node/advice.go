package main

import (
	"os"
	"strings"

	"github.com/passeur-p2p/passeur/cmd/node/api"
)

// advice says what to do next about an error, by its word.
func advice(code string) string {
	next := map[string]string{
		codeNotRunning:              "start it with 'passeur run" + homeFlag() + "'",
		codeOtherUser:               "run the command as that user, or name your own home with --home",
		codeLocked:                  "stop that one first, or give another home with --home",
		api.CodeUnknownContact:      "see 'passeur contact list', or add one with 'passeur contact invite'",
		api.CodeNotAccepted:         "see 'passeur contact list'; a contact that asked you waits for 'passeur contact accept NAME'",
		api.CodeNotPending:          "ask with 'passeur contact add ACCOUNT --name NAME'",
		api.CodeNameTaken:           "choose another with --name",
		api.CodeBadName:             "choose one with --name, for instance --name bob",
		api.CodeUnknownTransfer:     "see 'passeur transfers'",
		api.CodeNotWaiting:          "see 'passeur inbox' for what waits",
		api.CodeUnknownDevice:       "see 'passeur device list'",
		api.CodeUnknownConversation: "see 'passeur conversation list'",
		api.CodeWithdrawn:           "whoever got it before may send it again",
		api.CodeUnknownEntry:        "see 'passeur conversation show --all'",
		api.CodeNotAFile:            "see 'passeur inbox' for files that you can get",
		api.CodeAmbiguous:           "write more of its id, or the whole account",
		api.CodeOffline:             "'passeur doctor' tells what is missing",
		api.CodeNotMet:              "'passeur doctor' on both sides tells why",
		api.CodeNoSpace:             "make room, or take another place with -o",
		api.CodeBadCode:             "type it as the other side shows it",
		api.CodeRestarting:          "try again in a moment",
		api.CodeClosing:             "start it again with 'passeur run" + homeFlag() + "'",
	}[code]
	if next == "" {
		return ""
	}
	return ": " + next
}

// homeFlag repeats the --home that this process was given, for advice.
func homeFlag() string {
	for i, arg := range os.Args {
		if value, found := strings.CutPrefix(arg, "--home="); found {
			return " --home " + value
		}
		if arg == "--home" && i+1 < len(os.Args) {
			return " --home " + os.Args[i+1]
		}
	}
	return ""
}
