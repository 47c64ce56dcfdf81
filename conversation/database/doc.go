// Package database opens one SQLite file for the package that owns its tables:
// readable by its user only, in the newest schema, with settings under which
// what was committed is on the disk (WAL with synchronous=FULL). A crash or a
// power cut loses nothing that was acknowledged.
//
// It knows no table. Who opens a file gives the steps of its schema (numbered
// .sql files) and speaks SQL by database/sql; this package alone names the
// driver.
package database
