package membership

// Reference is the growing form of Resolve, which judges each entry once.
type Reference struct{ r reference }

// Judge is Book's.
func (r *Reference) Judge(e Entry) (Verdict, error) { return r.r.judge(e) }

// Add takes an entry that Judge found valid.
func (r *Reference) Add(e Entry, v Verdict) { r.r.add(e, v.Rank, false) }

// State of what was added.
func (r *Reference) State() State { return r.r.state(make([]error, len(r.r.entries))) }

// IsAncestor is Book's.
func (r *Reference) IsAncestor(old, young int) bool { return r.r.past[young].Has(old) }
