// Package conversation holds what people mean, without any network: accounts,
// the certificates that bind devices to them, and (with the history of
// conversations) who belongs where. It signs and checks; it neither dials,
// listens nor looks anything up.
package conversation
