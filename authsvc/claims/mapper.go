package claims

import (
	"context"
	"fmt"
	"sync"

	"github.com/everydaytech/meshsso/authsvc"
)

// Mapper changes what a person gets, in Go: the last word after the mappings and roles of meshsso.yaml, and before its
// userValidationRules. It runs at every validation that no cache answers, concurrently, so it must be quick and safe for that.
//
// A mapper must be deterministic, and a claim that is missing or of another type must never add a right. An error or a panic
// denies the person, and so does a draft that crosses the floor (see Draft). claimstest checks all of this.
type Mapper interface {
	Map(ctx context.Context, c Claims, d *Draft) error
}

// MapperFunc is a Mapper without a state.
type MapperFunc func(ctx context.Context, c Claims, d *Draft) error

// Map calls f.
func (f MapperFunc) Map(ctx context.Context, c Claims, d *Draft) error { return f(ctx, c, d) }

// Factory makes a mapper from its `config` in meshsso.yaml; nil if there is none. It is called once a load of the file.
type Factory func(config map[string]any) (Mapper, error)

// Claims is what a mapper sees: a copy of its own, which nobody reads afterwards.
type Claims struct {
	Issuer  string         // its name in meshsso.yaml; empty: the built-in one
	Subject string         // the issuer's own name for the person; of the built-in one the row's number
	Payload map[string]any // the verified payload as JSON gives it: string, bool, float64, []any, map[string]any, nil
	User    User
}

// User is the person's row.
type User struct {
	ID           int64
	Email        string // as stored
	FullName     string
	TenantID     string // UUID, lower case; empty if the row has none
	Role         string // as stored
	IsSuperadmin bool
}

// Draft is what the person gets so far, prefilled, for a mapper to change. What crosses the floor denies the person:
//
//   - TenantID must stay.
//   - Role must be a role's name in the tenant, of at most the row's rank. Another role brings its own rights, unless the mapper
//     changes them as well; one of a lower rank caps individual grants too.
//   - DeviceRights are any names of the vocabulary that are not reserved.
//   - SiteRights are names of rights that restrict; those that grant are for a superadmin alone.
//
// A Name that cannot be shown counts as none: then people see the row's.
type Draft struct {
	TenantID     string
	Role         string
	Name         string
	Groups       []string
	DeviceRights []string
	SiteRights   []string
}

var registry = struct {
	sync.RWMutex
	factories map[string]Factory
}{factories: map[string]Factory{}}

// Register makes a mapper known under the name that meshsso.yaml uses, from an init function or before the program runs. It
// panics on an empty name, a nil factory and a name that is taken.
func Register(name string, factory Factory) {
	registry.Lock()
	defer registry.Unlock()
	if name == "" || factory == nil {
		panic("claims: Register without a name or a factory")
	}
	if _, taken := registry.factories[name]; taken {
		panic(fmt.Sprintf("claims: Register called twice for mapper %q", name))
	}
	registry.factories[name] = factory
}

func registered(name string) (Factory, bool) {
	registry.RLock()
	defer registry.RUnlock()
	f, ok := registry.factories[name]
	return f, ok
}

func rowOf(u authsvc.User) User {
	return User{ID: u.ID, Email: u.Email, FullName: u.FullName, TenantID: u.TenantID, Role: u.Role, IsSuperadmin: u.IsSuperadmin}
}
