// Package authsvc answers one question: who is the bearer of this token?
//
// A token walks one straight way: a Verifier checks it, a Directory looks its subject up, Service compares the two and a
// RoleRule decides the effective role. What that person is elsewhere is somebody else's question: a UserMapper turns the
// Identity into the reply. The package knows the standard library only; every adapter has a package of its own.
package authsvc
