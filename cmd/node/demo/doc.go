// Package demo shows the whole way of a file on one machine: three processes of
// the passeur binary (a DHT node, Alice, Bob) that share nothing but the DHT.
// They become contacts, Alice sends a file that Bob accepts and one that he
// refuses, and everything that is claimed on the way is checked.
//
// It uses the commands and the local API as anybody would; it has no other
// entrance to a node. Whatever it makes lies in one temporary folder, which is
// gone when [Run] returns, as are the processes.
package demo
