package control

import (
	"errors"
	"fmt"
)

// The errors of this package: what is wrong between us and MeshCentral. None holds a credential.
var (
	// ErrUnavailable: MeshCentral cannot be reached, does not answer in time, or does not speak its own protocol. It passes.
	ErrUnavailable = errors.New("control: MeshCentral is not available")
	// ErrCredentials: MeshCentral does not let us in. It stays until somebody changes something.
	ErrCredentials = errors.New("control: MeshCentral does not accept our credentials")
	// ErrRights: the service account may not do what it is for.
	ErrRights = errors.New("control: MeshCentral's service account has too few rights")
	// ErrRefused: MeshCentral refused a command, for the reason that the error gives.
	ErrRefused = errors.New("control: MeshCentral refused")
	// ErrEnded: the session is not alive, so it gets no principal.
	ErrEnded = errors.New("control: the session has ended")
	// ErrBusy: more requests wait on one connection than it may hold.
	ErrBusy = errors.New("control: too many requests wait for MeshCentral")
	// ErrClosed: this side is shutting down.
	ErrClosed = errors.New("control: closed")
)

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// refused gives MeshCentral's own words, cut short.
func refused(what, result string) error {
	const longest = 200
	if len(result) > longest {
		result = result[:longest]
	}
	return fmt.Errorf("%w: %s: %q", ErrRefused, what, result)
}
