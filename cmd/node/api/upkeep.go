package api

import (
	"github.com/passeur-p2p/passeur/node/rules"
)

// Rules are what decides about offers.
type Rules struct {
	// Rules are in the order in which they are asked; the first that fits decides.
	Rules []Rule `json:"rules"`
	// Otherwise is what happens to the file of an accepted contact that no rule fits.
	Otherwise rules.Action `json:"otherwise"`
	// Reserve is how many bytes of each disk are kept free; 0: none.
	Reserve int64 `json:"reserve"`
}

// Rule says what happens to offers that it fits. An empty list fits everything.
type Rule struct {
	// Name is what people call the rule.
	Name string `json:"name"`
	// From are aliases or accounts of contacts, Device names or peer IDs of the sender's
	// devices, Conversation names or ids of conversations.
	From []string `json:"from"`
	// Device are names or peer IDs of the sender's devices.
	Device []string `json:"device"`
	// Verified: only contacts who were met by a code, or verified in person.
	Verified bool `json:"verified"`
	// Conversation are names or ids of the conversations that the file belongs to.
	Conversation []string `json:"conversation"`
	// Type are media types, endings of names, or "folder".
	Type []string `json:"type"`
	// MaxSize is the most bytes that a file may have; 0: any.
	MaxSize int64 `json:"max_size"`
	// Quota is the most bytes that the rule accepts within 30 days; 0: any.
	Quota int64 `json:"quota"`
	// Folder is where the files go; "" is the node's folder for downloads.
	Folder string `json:"folder"`
	// Action is what happens to the offer.
	Action rules.Action `json:"action"`
	// Used are the bytes that the rule has accepted in the last 30 days, Files how many
	// files that are.
	Used int64 `json:"used"`
	// Files is how many files the rule has accepted in the last 30 days.
	Files int `json:"files"`
}

// LogLevels are the levels of the log: one for all, then those of single loggers.
type LogLevels struct {
	// Levels is a level for all, then LOGGER=LEVEL for single ones, by commas. A level is
	// debug, info, warn or error.
	Levels string `json:"levels" minLength:"1" maxLength:"1000" example:"info,icetcp=debug"`
}

// Dashboard is where the page is.
type Dashboard struct {
	// URL opens the page in a browser on this machine. What follows the # is the token: a
	// secret.
	URL string `json:"url" format:"uri" example:"http://127.0.0.1:41237/#MZXW6YTBOI2DINRTGQ3TQOJQGE"`
}

func rulesOf(r rules.Report) Rules {
	return Rules{each(r.Rules, ruleOf), r.Otherwise, r.Reserve}
}

func ruleOf(u rules.Use) Rule {
	list := func(words []string) []string { return append([]string{}, words...) }
	r := Rule{
		Name: u.Name, From: list(u.From), Device: list(u.Device), Verified: u.Verified, Conversation: list(u.Conversation), Type: list(u.Type),
		MaxSize: u.MaxSize.Bytes, Quota: u.Quota.Bytes, Folder: u.Folder, Action: u.Action, Used: u.Used, Files: u.Files,
	}
	if r.Action == "" {
		r.Action = rules.Accept
	}
	return r
}
