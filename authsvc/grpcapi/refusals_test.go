package grpcapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"google.golang.org/grpc/codes"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

func refusal(surface, kind string, reason pb.Reason, count uint32) *pb.Refusal {
	return &pb.Refusal{Surface: surface, Kind: kind, Reason: reason, Count: count, UserId: "user//a@x.example"}
}

func (b *bench) report(t *testing.T, refusals ...*pb.Refusal) error {
	t.Helper()
	_, err := b.client.ReportRefusals(t.Context(), &pb.ReportRefusalsRequest{Refusals: refusals})
	return err
}

func TestRefusalsAreCounted(t *testing.T) {
	b := newBench(t)
	if err := b.report(t,
		refusal("control", "ping", pb.Reason_REASON_FRAME_FIELD, 2), refusal("control", "ping", pb.Reason_REASON_FRAME_FIELD, 3),
		refusal("control", "pi ng", pb.Reason_REASON_FRAME_FIELD, 1), // cleaned, a known name
		refusal("relay", "meshrelay.ashx", pb.Reason_REASON_TUNNEL_INVALID, 1),
		refusal("http", "/etc/passwd", pb.Reason_REASON_REQUEST_UNKNOWN, 1), refusal("http", "ping\x00\"<", pb.Reason_REASON_REQUEST_UNKNOWN, 4_000_000_000),
		refusal("elsewhere", "unheard-of", pb.Reason_REASON_FRAME_UNKNOWN, 1), refusal("", "", pb.Reason_REASON_FRAME_UNKNOWN, 0),
	); err != nil {
		t.Fatal(err)
	}
	want := `
# HELP meshsso_refusals_total What the policy refused or dropped, by surface, kind and reason.
# TYPE meshsso_refusals_total counter
meshsso_refusals_total{kind="meshrelay.ashx",reason="TUNNEL_INVALID",surface="relay"} 1
meshsso_refusals_total{kind="other",reason="FRAME_UNKNOWN",surface="other"} 1
meshsso_refusals_total{kind="other",reason="REQUEST_UNKNOWN",surface="http"} 1
meshsso_refusals_total{kind="ping",reason="FRAME_FIELD",surface="control"} 6
meshsso_refusals_total{kind="ping",reason="REQUEST_UNKNOWN",surface="http"} 4e+09
`
	if err := testutil.GatherAndCompare(b.reg, strings.NewReader(want), "meshsso_refusals_total"); err != nil {
		t.Error(err)
	}
}

func TestARefusalIsLoggedOnceAndAsWords(t *testing.T) {
	b := newBench(t)
	long := refusal("http", strings.Repeat("k", 1000), pb.Reason_REASON_REQUEST_UNKNOWN, 1)
	forged := refusal("control", "a\n{\"msg\":\"validation ok\"}", pb.Reason_REASON_FRAME_UNKNOWN, 1)
	forged.UserId = "user//a b"
	ping := refusal("control", "ping", pb.Reason_REASON_FRAME_FIELD, 7)
	for range 3 {
		if err := b.report(t, ping, long, forged); err != nil {
			t.Fatal(err)
		}
	}
	log := b.log.String()
	for _, s := range []string{
		`"level":"WARN"`, `"surface":"control","kind":"ping","reason":"FRAME_FIELD","user_id":"user//a@x.example","count":7`,
		`"kind":"` + strings.Repeat("k", 64) + `"`, `"kind":"amsgvalidationok"`, `"user_id":"invalid"`,
	} {
		if !strings.Contains(log, s) {
			t.Errorf("%s is not in %s", s, log)
		}
	}
	if strings.Count(log, "\n") != 3 {
		t.Errorf("the log is %s", log)
	}
}

// Who invents actions fills neither the log nor the metrics.
func TestInventedNamesAreBounded(t *testing.T) {
	b := newBench(t)
	for round := range 20 {
		var batch []*pb.Refusal
		for i := range 256 {
			batch = append(batch, refusal("control", fmt.Sprintf("x%d-%d", round, i), pb.Reason_REASON_FRAME_UNKNOWN, 1))
		}
		if err := b.report(t, batch...); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(b.log.String(), "\n"); n != 4096 {
		t.Errorf("%d lines", n)
	}
	if n, err := testutil.GatherAndCount(b.reg, "meshsso_refusals_total"); err != nil || n != 1 {
		t.Errorf("%d series, %v", n, err)
	}
}

func TestReportsOutOfShapeAreRefusedWhole(t *testing.T) {
	b := newBench(t)
	good := refusal("control", "ping", pb.Reason_REASON_FRAME_FIELD, 1)
	for name, refusals := range map[string][]*pb.Refusal{
		"too many":        slices.Repeat([]*pb.Refusal{good}, 257),
		"without reason":  {good, refusal("control", "ping", pb.Reason_REASON_UNSPECIFIED, 1)},
		"unknown reason":  {good, refusal("control", "ping", pb.Reason(4711), 1)},
		"negative reason": {good, refusal("control", "ping", pb.Reason(-1), 1)},
	} {
		if code, reason := info(t, b.report(t, refusals...)); code != codes.InvalidArgument || reason != "REQUEST_INVALID" {
			t.Errorf("%s: %s %s", name, code, reason)
		}
	}
	if n, err := testutil.GatherAndCount(b.reg, "meshsso_refusals_total"); err != nil || n != 0 {
		t.Errorf("%d series, %v", n, err)
	}
	if err := b.report(t, slices.Repeat([]*pb.Refusal{good}, 256)...); err != nil {
		t.Errorf("256 entries: %v", err)
	}
	if err := b.report(t); err != nil {
		t.Errorf("an empty report: %v", err)
	}
}
