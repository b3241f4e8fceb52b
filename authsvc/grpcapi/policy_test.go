package grpcapi_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func TestGetPolicy(t *testing.T) {
	b := newBench(t)
	for held, unchanged := range map[string]bool{"": false, "v0": false, "v1": true} {
		resp, err := b.client.GetPolicy(t.Context(), &pb.GetPolicyRequest{Version: held, MeshcentralVersion: "1.1.55"})
		if err != nil || resp.GetUnchanged() != unchanged || (resp.GetPolicy() == nil) != unchanged {
			t.Errorf("who holds %q gets %v, %v", held, resp, err)
		}
	}
	if log := b.log.String(); log != "" {
		t.Errorf("a reviewed version is logged: %s", log)
	}
}

func TestAMeshCentralThatWasNotReviewedIsWarnedOfOnce(t *testing.T) {
	b := newBench(t)
	for _, version := range []string{"1.1.60", "1.1.60", "1.1.61\n{\"msg\":\"x\"}", strings.Repeat("9", 10_000), ""} {
		if _, err := b.client.GetPolicy(t.Context(), &pb.GetPolicyRequest{MeshcentralVersion: version}); err != nil {
			t.Fatal(err)
		}
	}
	log := b.log.String()
	if n := strings.Count(log, "\n"); n != 4 || strings.Count(log, `"meshcentral_version":"1.1.60"`) != 1 || len(log) > 2000 ||
		!strings.Contains(log, `"meshcentral_version":"1.1.61msgx"`) {
		t.Errorf("%d lines: %s", n, log)
	}
}

func TestAnAnswerSaysHowLongItHolds(t *testing.T) {
	b := newBench(t)
	for name, c := range map[string]struct {
		readAt time.Time
		want   time.Duration
	}{
		"just read":           {noon, 5 * time.Minute},
		"two minutes old":     {noon.Add(-2 * time.Minute), 3 * time.Minute},
		"past its end":        {noon.Add(-time.Hour), 0},
		"of an unknown age":   {time.Time{}, 0},
		"by a clock that ran": {noon.Add(time.Hour), 5 * time.Minute},
	} {
		b.fake.readAt = c.readAt
		resp, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken})
		if err != nil || resp.GetFreshFor() == nil || resp.GetFreshFor().AsDuration() != c.want || resp.GetPolicyVersion() != "v1" {
			t.Errorf("%s: %v, %v", name, resp, err)
		}
	}
}

func TestMaxAgeReachesTheDirectory(t *testing.T) {
	b := newBench(t)
	calls := map[string]func(*durationpb.Duration) error{
		"ValidateToken": func(d *durationpb.Duration) error {
			_, err := b.client.ValidateToken(t.Context(), &pb.ValidateTokenRequest{Token: secretToken, MaxAge: d})
			return err
		},
		"GetGroupLinks": func(d *durationpb.Duration) error {
			_, err := b.client.GetGroupLinks(t.Context(), &pb.GetGroupLinksRequest{Group: "g", MaxAge: d})
			return err
		},
		"ListDeviceGroups": func(d *durationpb.Duration) error {
			_, err := b.client.ListDeviceGroups(t.Context(), &pb.ListDeviceGroupsRequest{MaxAge: d})
			return err
		},
	}
	for name, call := range calls {
		for _, c := range []struct {
			maxAge *durationpb.Duration
			want   time.Time
		}{
			{nil, time.Time{}},
			{durationpb.New(0), noon},
			{durationpb.New(time.Minute), noon.Add(-time.Minute)},
		} {
			if err := call(c.maxAge); err != nil || !b.fake.since.Equal(c.want) {
				t.Errorf("%s %v: since %s, %v", name, c.maxAge, b.fake.since, err)
			}
		}
		for _, maxAge := range []*durationpb.Duration{durationpb.New(-1), {Seconds: 1, Nanos: -1}, {Nanos: 2_000_000_000}} {
			err := call(maxAge)
			if code, reason := info(t, err); code != codes.InvalidArgument || reason != "REQUEST_INVALID" {
				t.Errorf("%s %v: %v", name, maxAge, err)
			}
		}
	}
}
