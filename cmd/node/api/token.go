package api

import "path/filepath"

// tokenName is the file of the token in the home.
const tokenName = "api.token"

// TokenPath is where the token for TCP of a home lies.
func TokenPath(home string) string { return filepath.Join(home, tokenName) }
