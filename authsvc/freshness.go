package authsvc

import (
	"context"
	"time"
)

type sinceKey struct{}

// ReadSince returns a context that asks the directory for what was read at since or later; memory older than that does
// not count. The zero time asks for nothing.
func ReadSince(ctx context.Context, since time.Time) context.Context {
	return context.WithValue(ctx, sinceKey{}, since)
}

// Since gives the moment that ReadSince asked for, or the zero time: then every age is good that a directory allows itself.
func Since(ctx context.Context) time.Time {
	since, _ := ctx.Value(sinceKey{}).(time.Time)
	return since
}

// ReadAt gives the moment at which the oldest of what the identity is made of was read; the zero time if one of it does
// not say.
func (id *Identity) ReadAt() time.Time {
	oldest := id.User.ReadAt
	if id.Tenant.ID != "" && id.Tenant.ReadAt.Before(oldest) {
		oldest = id.Tenant.ReadAt
	}
	if id.Devices != nil && id.Devices.ReadAt.Before(oldest) {
		oldest = id.Devices.ReadAt
	}
	return oldest
}
