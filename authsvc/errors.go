package authsvc

import (
	"context"
	"errors"
)

// Reason is the machine-readable cause of a denial. The list is closed; it equals enum Reason of proto/meshsso/v1 without
// the prefix (a test compares the two).
type Reason string

// The reasons that this service gives. Those that only a client can find (TOKEN_AMBIGUOUS, ACCOUNT_CONFLICT,
// SERVICE_UNAVAILABLE, and why a frame or request is refused) are in the proto alone.
//
//nolint:gosec // names of reasons, not credentials
const (
	TokenMissing     Reason = "TOKEN_MISSING"
	TokenMalformed   Reason = "TOKEN_MALFORMED"
	TokenAlgorithm   Reason = "TOKEN_ALGORITHM"
	TokenSignature   Reason = "TOKEN_SIGNATURE"
	TokenExpired     Reason = "TOKEN_EXPIRED"
	TokenNotYetValid Reason = "TOKEN_NOT_YET_VALID"
	TokenClaims      Reason = "TOKEN_CLAIMS"
	TokenReplayed    Reason = "TOKEN_REPLAYED"

	UserUnknown    Reason = "USER_UNKNOWN"
	UserAmbiguous  Reason = "USER_AMBIGUOUS"
	UserDisabled   Reason = "USER_DISABLED"
	UserMismatch   Reason = "USER_MISMATCH"
	TenantMismatch Reason = "TENANT_MISMATCH"
	SessionUnknown Reason = "SESSION_UNKNOWN"
	RuleDenied     Reason = "RULE_DENIED"

	DomainDenied   Reason = "DOMAIN_DENIED"
	GroupUnknown   Reason = "GROUP_UNKNOWN"
	RequestInvalid Reason = "REQUEST_INVALID"

	StoreUnavailable Reason = "STORE_UNAVAILABLE"
	Internal         Reason = "INTERNAL"
)

// Error is a denial. Detail is for logs and must never hold a token, a claim or a row's content.
type Error struct {
	Reason Reason
	Detail string
}

// Error gives the reason and, if there is one, the detail.
func (e *Error) Error() string {
	if e.Detail == "" {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Detail
}

// Is makes errors.Is match by reason alone, so that a detailed error matches its sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// Deny makes a denial; detail says which rule was broken.
func Deny(reason Reason, detail string) error { return &Error{Reason: reason, Detail: detail} }

// Sentinels, one a reason; wrap them with %w or use Deny.
var (
	ErrTokenMissing     = &Error{Reason: TokenMissing}
	ErrTokenMalformed   = &Error{Reason: TokenMalformed}
	ErrTokenAlgorithm   = &Error{Reason: TokenAlgorithm}
	ErrTokenSignature   = &Error{Reason: TokenSignature}
	ErrTokenExpired     = &Error{Reason: TokenExpired}
	ErrTokenNotYetValid = &Error{Reason: TokenNotYetValid}
	ErrTokenClaims      = &Error{Reason: TokenClaims}
	ErrTokenReplayed    = &Error{Reason: TokenReplayed}
	ErrUserUnknown      = &Error{Reason: UserUnknown}
	ErrUserAmbiguous    = &Error{Reason: UserAmbiguous}
	ErrUserDisabled     = &Error{Reason: UserDisabled}
	ErrUserMismatch     = &Error{Reason: UserMismatch}
	ErrTenantMismatch   = &Error{Reason: TenantMismatch}
	ErrSessionUnknown   = &Error{Reason: SessionUnknown}
	ErrRuleDenied       = &Error{Reason: RuleDenied}
	ErrDomainDenied     = &Error{Reason: DomainDenied}
	ErrGroupUnknown     = &Error{Reason: GroupUnknown}
	ErrRequestInvalid   = &Error{Reason: RequestInvalid}
	ErrStoreUnavailable = &Error{Reason: StoreUnavailable}
)

// ReasonOf gives the reason inside err. A cancelled or late caller has none (""); anything unknown is INTERNAL, so that no
// error can be mistaken for a verdict about a person.
func ReasonOf(err error) Reason {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Reason
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ""
	}
	return Internal
}
