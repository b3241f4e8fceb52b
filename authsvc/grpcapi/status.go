package grpcapi

import (
	"context"
	"errors"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/everydaytech/meshsso/authsvc"
)

// ErrorDomain is the domain of every google.rpc.ErrorInfo.
const ErrorDomain = "meshsso.v1"

// The one table from reasons to status codes and public messages. Messages do not tell an unknown user from a disabled one.
var statuses = map[authsvc.Reason]struct {
	code    codes.Code
	message string
}{
	authsvc.TokenMissing:     {codes.Unauthenticated, msgToken},
	authsvc.TokenMalformed:   {codes.Unauthenticated, msgToken},
	authsvc.TokenAlgorithm:   {codes.Unauthenticated, msgToken},
	authsvc.TokenSignature:   {codes.Unauthenticated, msgToken},
	authsvc.TokenExpired:     {codes.Unauthenticated, msgToken},
	authsvc.TokenNotYetValid: {codes.Unauthenticated, msgToken},
	authsvc.TokenClaims:      {codes.Unauthenticated, msgToken},
	authsvc.TokenReplayed:    {codes.Unauthenticated, msgToken},
	authsvc.UserUnknown:      {codes.PermissionDenied, msgPerson},
	authsvc.UserAmbiguous:    {codes.PermissionDenied, msgPerson},
	authsvc.UserDisabled:     {codes.PermissionDenied, msgPerson},
	authsvc.UserMismatch:     {codes.PermissionDenied, msgPerson},
	authsvc.TenantMismatch:   {codes.PermissionDenied, msgPerson},
	authsvc.RuleDenied:       {codes.PermissionDenied, msgPerson},
	authsvc.SessionUnknown:   {codes.PermissionDenied, msgPerson},
	authsvc.DomainDenied:     {codes.InvalidArgument, "this domain is not served"},
	authsvc.RequestInvalid:   {codes.InvalidArgument, "the request is out of shape"},
	authsvc.GroupUnknown:     {codes.NotFound, "no such group"},
	authsvc.StoreUnavailable: {codes.Unavailable, "the service is unavailable, try again"},
	authsvc.Internal:         {codes.Internal, msgInternal},
}

const (
	msgToken    = "the token is not accepted"
	msgPerson   = "access denied"
	msgInternal = "internal error"
)

// toStatus makes the gRPC error of a denial. A caller who hung up gets the bare code, which nobody reads.
func toStatus(err error) error {
	reason := authsvc.ReasonOf(err)
	if reason == "" {
		if errors.Is(err, context.DeadlineExceeded) {
			return status.Error(codes.DeadlineExceeded, "deadline exceeded")
		}
		return status.Error(codes.Canceled, "canceled")
	}
	entry, ok := statuses[reason]
	if !ok {
		reason, entry = authsvc.Internal, statuses[authsvc.Internal]
	}
	return withReason(entry.code, entry.message, reason)
}

func withReason(code codes.Code, message string, reason authsvc.Reason) error {
	st, detailErr := status.New(code, message).
		WithDetails(&errdetails.ErrorInfo{Reason: string(reason), Domain: ErrorDomain})
	if detailErr != nil {
		return status.Error(code, message)
	}
	return st.Err()
}
