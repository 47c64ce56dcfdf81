// Package pairing lets two devices that know nothing of each other meet by a
// code that one shows and the other types or scans: to link a device to an
// account, to make two accounts contacts, or to send a file to somebody who is none.
// Both ends come to know the other's device, account and addresses, proven by the
// code; of a file's code neither hears the other's account or name.
//
// It is no transport and moves no keys: what a new device is to get travels on
// the TLS connection that the two make afterwards, between the peer IDs proven
// here. Nor does it know a network: messages of at most 4 KiB are left in
// [Inboxes], which anyone may see.
//
// # The code
//
// A code has a public part R, which names the inbox where the two meet, and a
// secret part P, drawn independently, which enters nothing but a CPace exchange.
// As words of EFF's short list 2 (1,295 words, 10.3 bits each) R has two words, and
// P two more to make a contact or three to link a device; a file's code has as many
// words as a contact's, and a number from 100 to 999 in place of its first. As text
// for a QR code each part has 128 bits. Whoever keeps the inboxes can work R out of
// words; P cannot be tested against anything that he sees, only guessed, once, by
// taking part, and that burns the code and is seen.
//
// # The exchange
//
// A shows the code, B enters it; see message.go for the bytes.
//
//	B→R  hello    B's inbox, a new X-Wing key, CPace's first message
//	A    burns the code on its disk and leaves R's inbox, then answers, once
//	A→B  answer   A's inbox, CPace's second message, a key for the X-Wing key, A's tag
//	B    burns the code on its disk, then looks at the tag
//	B→A  proof    B's tag, and who B is, sealed
//	A→B  welcome  who A is, sealed
//
// or over, from either, in place of the rest: the other's tag was wrong. Both keys
// go into all that is derived (keys.go), so that the party sealed in proof and
// welcome stays closed to who breaks CPace's group later, with X-Wing, or X-Wing
// now, with CPace. CPace is filippo.io/cpace (draft-haase-cpace-01 on
// ristretto255), which leaves the confirmation of keys to its user: the tags.
//
// # What an attacker in the middle has
//
// One guess at P with each side, 1 in 1.7 million (2.2 billion for a device): a
// wrong one burns the code on both sides, over a restart of either, and both report
// ErrWrongCode or ErrSilent. He can always burn the code, or keep the two apart.
package pairing
