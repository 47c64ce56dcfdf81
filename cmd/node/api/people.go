package api

import (
	"time"

	"github.com/passeur-p2p/passeur/node"
)

// Device is one device of the node's own account. Name is what its owner calls it.
type Device struct {
	ID    string    `json:"id"` // peer ID
	Name  string    `json:"name"`
	Added time.Time `json:"added"` // to the account
	// Self: the node that answers is that device.
	Self bool `json:"self"`
	// Keeper: it holds the account key, so it may link and revoke devices.
	Keeper bool `json:"keeper"`
	// Revoked: it is none of the account's any more, for ever.
	Revoked bool `json:"revoked"`
	// Connected: a connection to it stands now.
	Connected bool `json:"connected"`
}

// NewPairing begins the use of a one-time code: it shows a new one where Code is
// "", else it enters the one that another device shows.
type NewPairing struct {
	// Purpose is link, for a device of the own account, or contact.
	Purpose node.PairingPurpose `json:"purpose" enum:"link,contact"`
	// Code is what another device shows: words with dashes or spaces, or what its QR
	// code says.
	Code string `json:"code,omitempty"`
	// Keeper hands the account key over too; only where a link code is shown.
	Keeper bool `json:"keeper,omitempty"`
	// Name is the contact's local alias; "" takes what it calls itself.
	Name string `json:"name,omitempty"`
}

// NewReceive fetches what somebody sends by a one-shot code, which takes no trust that
// lasts.
type NewReceive struct {
	// Code is what the sender shows: words with dashes or spaces, or what its QR code says.
	Code string `json:"code" minLength:"1"`
	// Path is the absolute path of a folder (that ends in a slash, or exists) or a file;
	// "" is the node's folder for downloads.
	Path string `json:"path,omitempty"`
}

// Pairing is one use of a one-time code.
type Pairing struct {
	ID string `json:"id"` // 16 hex digits
	// Purpose is link, contact, or file: one transfer.
	Purpose node.PairingPurpose `json:"purpose"`
	// State is waiting, exchange, connect, done, failed or cancelled.
	State node.PairingState `json:"state"`
	// Failure classifies why it failed in one word, Reason says it in a sentence.
	Failure Code   `json:"failure"`
	Reason  string `json:"reason"`
	// Code is a secret, "" where it was entered.
	Code string `json:"code"`
	// QR is what a QR code of it says, as secret, and may be entered too.
	QR      string    `json:"qr"`
	Expires time.Time `json:"expires"` // until when the code can be entered
	// Verifier are four words that both ends show, "" until they are known.
	Verifier string `json:"verifier"`
	// Device is whom a link brought, Contact whom a contact code brought; else null.
	Device  *Device  `json:"device"`
	Contact *Contact `json:"contact"`
	// Transfer is the id of the transfer that belongs to a one-shot code; of one that
	// was entered it is "" until the other side is proven and has told what it sends.
	Transfer string `json:"transfer"`
}

func deviceOf(d node.Device) Device {
	return Device{
		ID: d.ID.String(), Name: d.Name, Added: d.Added.UTC(),
		Self: d.Self, Keeper: d.Keeper, Revoked: d.Revoked, Connected: d.Connected,
	}
}

func pairingOf(p node.Pairing) Pairing {
	return Pairing{
		ID: p.ID, Purpose: p.Purpose, State: p.State, Failure: failureOf(p), Reason: p.Reason,
		Code: p.Code, QR: p.QR, Expires: p.Expires.UTC(), Verifier: p.Verifier,
		Device: pointer(p.Device, deviceOf), Contact: pointer(p.Contact, contactOf), Transfer: p.Transfer,
	}
}

// pointer converts what may be missing.
func pointer[A, B any](a *A, f func(A) B) *B {
	if a == nil {
		return nil
	}
	b := f(*a)
	return &b
}
