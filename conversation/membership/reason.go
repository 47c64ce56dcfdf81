package membership

// reason says why an entry is void; live is the zero value. Of several reasons
// the smallest is given, so that it too is a function of the set alone. The
// order is that in which the steps of resolving find them.
type reason uint8

const (
	live reason = iota
	ownerRevoked
	ownerBanned
	ownerRemoved
	ownerDemoted
	deviceRevoked
	notPromoted
	adminBanned
	adminRemoved
	notInvited
	notJoined
)

func (r reason) String() string {
	switch r {
	case ownerRevoked, deviceRevoked:
		return "written by a device that was revoked before this was seen"
	case ownerBanned:
		return "written by an account that the owner banned before this was seen"
	case ownerRemoved:
		return "written by an account that the owner removed before this was seen"
	case ownerDemoted:
		return "done as an admin by an account that the owner demoted before this was seen"
	case notPromoted:
		return "done as an admin by an account whose promotion does not count"
	case adminBanned:
		return "written by an account that was banned before this was seen"
	case adminRemoved:
		return "written by an account that was removed before this was seen"
	case notInvited:
		return "joined by an invitation that does not count"
	case notJoined:
		return "written by an account whose membership does not count"
	}
	return ""
}
