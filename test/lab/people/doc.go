// Package people starts whole nodes, as processes of the passeur binary, on hosts of
// a lab, and does with them what their owners would: become contacts, send files,
// look at paths. Everything goes by the nodes' own API and commands.
//
// The test binary's TestMain calls lab.MainWithPasseur.
package people
