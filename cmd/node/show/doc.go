// Package show is how passeur's commands write: tables, sizes, sentences, a
// progress bar or plain lines, and JSON. What a peer said is shown harmlessly
// here and nowhere else: every function that prints text passes it through
// filexfer.Visible, and JSON carries the same letters as \uXXXX escapes.
//
// It asks nobody and decides nothing. Results go to standard output, progress
// and errors to standard error.
package show
