// Package rules decides what happens to a file that somebody offers: it is taken,
// refused, or the user is asked. The first [Rule] that fits an [Offer] decides.
//
// It is pure: it knows facts about an offer, and no node, no disk, no clock. Who
// offers, how much a rule has taken in the last 30 days and where the bytes go is
// the business of whoever asks. The words of a rule are those of the table [[rule]]
// in the config file, which docs/rules.md explains to people.
package rules
