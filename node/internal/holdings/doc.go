// Package holdings knows where the files of conversations lie on this device, so
// that others can get them from here: for each entry one place in the user's
// folders, the newest that it was told.
//
// A file is held as long as the announced bytes lie there. What tells that they
// may be others is the file's stamp (size, times of modification and change,
// inode): while it is the one that was seen when the bytes were last read, they
// are not read again. Another stamp has them read once, whoever and however many
// ask, and what came of it is kept. A system that tells neither time of change nor
// inode (Windows) leaves size and time of modification.
//
// The files are the user's: this package reads them, and never writes, moves or
// removes one. A file that is gone or unreadable is not forgotten, for its disk
// may come back.
//
// It knows neither who may have a file nor how it is sent.
package holdings
