// Package service tests passeur as Debian runs it: the package is installed on a system
// that has booted with systemd, in namespaces of the test's own, and what administrators
// do is done there. The system is the machine's, seen through an overlay that is gone
// with the test.
//
// It needs root: booting a system asks for more than user namespaces give. Other users
// are helped by sudo, if it does not ask for a password.
package service
