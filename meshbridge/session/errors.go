package session

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// Error is a refusal, in the words of HTTP. Code is stable; Message is for a person and tells nothing that only an operator
// should know.
type Error struct {
	Status     int
	Code       string
	Message    string
	RetryAfter time.Duration // 0: none
}

// Error gives the code.
func (e *Error) Error() string { return e.Code }

// Is makes errors.Is match by code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// The refusals.
var (
	ErrUnauthenticated = &Error{http.StatusUnauthorized, "UNAUTHENTICATED", "Please sign in to the dashboard again.", 0}
	ErrAccessDenied    = &Error{http.StatusForbidden, "ACCESS_DENIED", "You do not have access.", 0}
	ErrRoleDenied      = &Error{http.StatusForbidden, "ROLE_DENIED", "Your role does not allow this.", 0}
	ErrAgentNotFound   = &Error{http.StatusNotFound, "AGENT_NOT_FOUND", "There is no such device.", 0}
	ErrAgentOffline    = &Error{http.StatusConflict, "AGENT_OFFLINE", "The device is offline.", 0}
	ErrNotEnrolled     = &Error{http.StatusConflict, "AGENT_NOT_ENROLLED", "The device is not set up for remote access yet.", 0}
	ErrLimit           = &Error{http.StatusTooManyRequests, "SESSION_LIMIT", "You have too many open sessions. Close one first.", 30 * time.Second}
	ErrNotFound        = &Error{http.StatusNotFound, "SESSION_NOT_FOUND", "There is no such session.", 0}
	ErrUnknown         = &Error{http.StatusUnauthorized, "SESSION_UNKNOWN", "This session has ended. Please open the device again.", 0}
	ErrExpired         = &Error{http.StatusUnauthorized, "SESSION_EXPIRED", "This session has expired. Please open the device again.", 0}
	ErrIdle            = &Error{http.StatusUnauthorized, "SESSION_IDLE", "This session was not used for a while and has ended.", 0}
	ErrEnded           = &Error{http.StatusUnauthorized, "SESSION_ENDED", "This session was ended.", 0}
	ErrRevoked         = &Error{http.StatusForbidden, "ACCESS_REVOKED", "Your access to this device has changed. Please open it again.", 0}
	ErrNotYours        = &Error{http.StatusForbidden, "SESSION_NOT_YOURS", "This session belongs to somebody else, or to another browser.", 0}
	ErrTicket          = &Error{http.StatusUnauthorized, "TICKET_INVALID", "This link was used already or is too old. Please open the device again.", 0}
	ErrViewMode        = &Error{http.StatusBadRequest, "VIEW_MODE_INVALID", "viewMode must be 10 to 17 or 19.", 0}
	ErrRequest         = &Error{http.StatusBadRequest, "REQUEST_INVALID", "The request is out of shape.", 0}
	ErrStore           = &Error{http.StatusServiceUnavailable, "STORE_UNAVAILABLE", "The service is unavailable at the moment. Please try again.", 5 * time.Second}
	ErrMeshCentral     = &Error{http.StatusServiceUnavailable, "MESHCENTRAL_UNAVAILABLE", "Remote access is unavailable at the moment. Please try again.", 5 * time.Second}
	ErrInternal        = &Error{http.StatusInternalServerError, "INTERNAL", "Something went wrong.", 0}
)

// EndReason says why a session ended, in the table and in the audit.
type EndReason string

// The reasons.
const (
	EndExpiry  EndReason = "expiry"
	EndIdle    EndReason = "idle"
	EndClosed  EndReason = "closed" // its own person's DELETE
	EndLogout  EndReason = "logout"
	EndAdmin   EndReason = "admin"   // another person's DELETE, or `meshsso sessions kill`
	EndRevoked EndReason = "revoked" // the person, the device or the right on it changed
	EndLimit   EndReason = "limit"   // the person opened another one
	EndGone    EndReason = "gone"    // the row is not there any more
)

// refusal gives what is answered for a session that ended so.
func (r EndReason) refusal() *Error {
	switch r {
	case EndExpiry:
		return ErrExpired
	case EndIdle:
		return ErrIdle
	case EndRevoked:
		return ErrRevoked
	}
	return ErrEnded
}

// refusalOf turns what authsvc says into a refusal; nothing of its reason is told but whose turn it is to do something.
func refusalOf(err error) *Error {
	switch authsvc.ReasonOf(err) {
	case authsvc.TokenMissing, authsvc.TokenMalformed, authsvc.TokenAlgorithm, authsvc.TokenSignature, authsvc.TokenExpired,
		authsvc.TokenNotYetValid, authsvc.TokenClaims:
		return ErrUnauthenticated
	case authsvc.UserUnknown, authsvc.UserAmbiguous, authsvc.UserDisabled, authsvc.UserMismatch, authsvc.TenantMismatch, authsvc.RuleDenied:
		return ErrAccessDenied
	case authsvc.StoreUnavailable, "": // "": the caller went away, or the query took too long
		return ErrStore
	}
	return ErrInternal
}

// AsError gives the refusal inside err; anything else is ErrStore if it is about time, and ErrInternal.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return ErrStore
	}
	return ErrInternal
}
