// Package manual writes man pages of a tree of commands. It knows what is said of a
// command and how man(7) wants it, not what any command does.
//
// What it is given is what "passeur help --json" prints: one [Page] with those below
// it.
package manual

// Page is all that is known of a command or topic.
type Page struct {
	// Path is how it is called: "passeur contact add". Usage adds its arguments.
	Path  string `json:"path"`
	Usage string `json:"usage"`
	// Short is one line, Long paragraphs with empty lines between them; lines that
	// begin with two blanks stay as they are.
	Short string `json:"short"`
	Long  string `json:"long"`
	// Example is lines to type, indented by two blanks.
	Example string   `json:"example"`
	Aliases []string `json:"aliases"`
	// Topic: there is no such command, only this text.
	Topic    bool    `json:"topic"`
	Flags    []Flag  `json:"flags"`
	Commands []Page  `json:"commands"`
	Groups   []Group `json:"groups"`
	// Exits are of the first page only.
	Exits []Status `json:"exit_codes,omitempty"`
}

// Flag is one flag of a command.
type Flag struct {
	Name      string `json:"name"` // "home", without dashes
	Shorthand string `json:"shorthand"`
	Value     string `json:"value"` // what is written after it, "" for a switch
	Says      string `json:"says"`
	Default   string `json:"default"`
	Global    bool   `json:"global"` // every command has it
}

// Group is a heading of the list of commands, with their names.
type Group struct {
	Title    string   `json:"title"`
	Commands []string `json:"commands"`
}

// Status is an exit code and its meaning.
type Status struct {
	Code  int    `json:"code"`
	Means string `json:"means"`
}
