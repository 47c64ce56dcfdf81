// Package release tests what people download: that it is the same whoever builds it,
// that it is whole, and that Debian takes it. See packaging/release.
package release
