package claims

import "context"

// Step is one thing that a policy did with a token, for whoever asks why. It holds what the token says: never log one.
type Step struct {
	Stage   string // one of the Stage constants
	Rule    string // its place in meshsso.yaml, such as issuers[0].claimMappings.email; of a default its target or name
	Source  string // the expression, or the claim's name; empty for a default without one
	Value   any    // what came of it: bool, string, []string, Draft (StageMapper), *authsvc.Profile (StageRole); nil if nothing
	OK      bool   // false: the person is denied here
	Message string // the rule's message, or what is wrong; may hold values
}

// Stages, in their order.
const (
	StagePayload   = "payload"   // the token's payload is read
	StageClaimRule = "claimRule" // claimValidationRules
	StageSubject   = "subject"
	StageEmail     = "email"
	StageTenant    = "tenant"
	StageRoles     = "roles" // what the token says of roles
	StageRole      = "role"  // row and token added up: the effective role
	StageName      = "name"
	StageGroups    = "groups"
	StageMapper    = "mapper"   // a Go mapper
	StageUserRule  = "userRule" // userValidationRules
)

type traceKey struct{}

// WithTrace has Map and Decide report every step to f, one after the other.
func WithTrace(ctx context.Context, f func(Step)) context.Context {
	return context.WithValue(ctx, traceKey{}, f)
}

// traceOf gives who listens; nil: nobody.
func traceOf(ctx context.Context) func(Step) {
	f, _ := ctx.Value(traceKey{}).(func(Step))
	return f
}
