package grpcapi_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/everydaytech/meshsso/authsvc"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func TestListDeviceGroups(t *testing.T) {
	b := newBench(t)
	got, err := b.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{})
	if err != nil || got.GetLobby().GetName() != "lobby" {
		t.Fatal(got, err)
	}
	for _, c := range []struct {
		err  error
		code codes.Code
	}{
		{authsvc.Deny(authsvc.RequestInvalid, "another way"), codes.FailedPrecondition},
		{authsvc.ErrDomainDenied, codes.InvalidArgument},
		{authsvc.ErrStoreUnavailable, codes.Unavailable},
	} {
		b.fake.err = c.err
		_, err := b.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{})
		if code, reason := info(t, err); code != c.code || reason != string(authsvc.ReasonOf(c.err)) {
			t.Errorf("%v: %s %s", c.err, code, reason)
		}
		if c.code == codes.FailedPrecondition && !strings.Contains(err.Error(), "MESHSSO_DEVICE_RIGHTS") {
			t.Errorf("the message does not say what to set: %v", err)
		}
	}
}
