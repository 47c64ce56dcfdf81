package rules

// Action is what a rule does with an offer that it fits.
type Action string

const (
	// Accept takes the file into the rule's folder.
	Accept Action = "accept"
	// Ask leaves the offer waiting for the user.
	Ask Action = "ask"
	// Refuse declines it; the sender is told so.
	Refuse Action = "refuse"
)

// Rule says what happens to offers like these. Each field that is set narrows what
// fits; one that is left out fits everything. In the config file it is a [[rule]].
type Rule struct {
	// Name is what people call the rule: 1 to 64 printable characters, unique
	// whatever the case.
	Name string `toml:"name" json:"name"`
	// From are aliases or accounts of contacts; "*" is any accepted contact, and so
	// is an empty list. Nobody else's files are ever taken by a rule.
	From []string `toml:"from" json:"from,omitempty"`
	// Device are names or peer IDs of the sender's devices.
	Device []string `toml:"device" json:"device,omitempty"`
	// Verified: only contacts who were met by a code, or verified in person.
	Verified bool `toml:"verified" json:"verified,omitempty"`
	// Conversation are names or ids of the conversations that the file belongs to.
	Conversation []string `toml:"conversation" json:"conversation,omitempty"`
	// Type are media types ("image/*", "application/pdf"), endings (".pdf"), or
	// "folder". All go by the ending of the name: nobody looks into the file.
	Type []string `toml:"type" json:"type,omitempty"`
	// MaxSize is the most bytes that a file may have.
	MaxSize Size `toml:"max_size" json:"max_size,omitzero"`
	// Quota is the most bytes that this rule takes within [Window]; each file counts
	// for its [Charge].
	Quota Size `toml:"quota" json:"quota,omitzero"`
	// Folder is where the files go: absolute, or below the home folder by "~/". It
	// is made if missing. Empty: the downloads folder.
	Folder string `toml:"folder" json:"folder,omitempty"`
	// Action is what happens; empty is Accept.
	Action Action `toml:"action" json:"action,omitempty"`
}

// Report tells what the rules are, and how much of them is used up.
type Report struct {
	// Rules are in the order in which they are asked.
	Rules []Use
	// Otherwise is what happens to the file of an accepted contact that no rule
	// fits: Ask or Accept.
	Otherwise Action
	// Reserve is how many bytes of each disk are kept free; 0: none.
	Reserve int64
}

// Use is a rule and how much it has taken.
type Use struct {
	Rule
	// Used are the bytes that the rule has accepted in the last 30 days, those on
	// their way too; what failed does not count.
	Used int64
	// Files is how many files that are.
	Files int
}
