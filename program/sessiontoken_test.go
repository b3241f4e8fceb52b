package program

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/sessiontoken"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

var httpAddress = regexp.MustCompile(`"session proxy serving","listen":"([^"]+)"`)

// http calls the session API and gives the status.
func (i *instance) http(t *testing.T, method, path, token string) int {
	t.Helper()
	i.log.await(t, "session proxy serving")
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+httpAddress.FindStringSubmatch(i.log.String())[1]+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	return resp.StatusCode
}

func (i *instance) ask(t *testing.T, req *pb.ValidateTokenRequest) (*pb.ValidateTokenResponse, string) {
	t.Helper()
	resp, err := i.client.ValidateToken(t.Context(), req)
	return resp, reasonOf(t, err)
}

// What the proxy mints is what the sidecar knows, whichever replica made the session, by the key that both have.
func TestAnInternalTokenFromTheKeyToThePrincipal(t *testing.T) {
	db := seeded(t, testpg.New(t))
	vars := map[string]string{"MESHCENTRAL_URL": "https://127.0.0.1:1", "MESHSSO_HTTP_LISTEN": "127.0.0.1:0", "MESHSSO_DASHBOARD_ORIGINS": "https://dashboard.example"}
	i := start(t, db, vars)
	jwt := dashboardToken("tech@acme.example", tenantA, 1, nil)
	if code := i.http(t, http.MethodPost, "/api/meshcentral/session/2", jwt); code/100 != 2 {
		t.Fatalf("creating a session: %d", code)
	}
	var id string
	if err := db.Conn.QueryRow(t.Context(), `select session_id::text from public.meshcentral_sessions`).Scan(&id); err != nil {
		t.Fatal(err)
	}
	ring, err := keys.NewRing([]byte(dashboardSecret))
	if err != nil {
		t.Fatal(err)
	}
	minter := sessiontoken.Minter{Key: ring.Key(keys.SessionToken)}
	mint := func() string {
		tok, err := minter.Mint(id)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	tok := mint()
	resp, reason := i.ask(t, &pb.ValidateTokenRequest{Token: tok, SessionToken: true, Hook: pb.Hook_HOOK_ROOT})
	if want, _ := meshbridge.PrincipalID("", id, "tech@acme.example"); reason != "" || resp.GetUser().GetId() != want || resp.GetSession().GetId() != id || resp.GetUser().GetLinks()[0].GetId() != nodeID("B") {
		t.Fatalf("%v %s", resp, reason)
	}
	for name, c := range map[string]struct {
		req  *pb.ValidateTokenRequest
		want string
	}{
		"replayed":              {&pb.ValidateTokenRequest{Token: tok, SessionToken: true}, "TOKEN_REPLAYED"},
		"in a dashboard's":      {&pb.ValidateTokenRequest{Token: mint()}, "TOKEN_MALFORMED"},
		"a dashboard's in its":  {&pb.ValidateTokenRequest{Token: jwt, SessionToken: true}, "TOKEN_MALFORMED"},
		"by its id, at a hook":  {&pb.ValidateTokenRequest{Session: id, Hook: pb.Hook_HOOK_ROOT}, "REQUEST_INVALID"},
		"by its id, as allowed": {&pb.ValidateTokenRequest{Session: id, Hook: pb.Hook_HOOK_REVALIDATE}, ""},
	} {
		if _, got := i.ask(t, c.req); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if code := i.http(t, http.MethodDelete, "/api/meshcentral/session/"+id, jwt); code/100 != 2 {
		t.Fatalf("ending the session: %d", code)
	}
	ended, err := i.client.EndedSessions(t.Context(), &pb.EndedSessionsRequest{Ids: []string{id}})
	if err != nil || !slices.Equal(ended.GetEnded(), []string{id}) {
		t.Errorf("ended: %v %v", ended, err)
	}
	if _, got := i.ask(t, &pb.ValidateTokenRequest{Token: mint(), SessionToken: true}); got != "SESSION_UNKNOWN" {
		t.Errorf("an ended session: %s", got)
	}
	i.stop()
	if log := i.log.String(); strings.Contains(log, tok) {
		t.Error("an internal token is in the log")
	}
}

func TestWithoutAProxyThereIsNoInternalToken(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	ring, _ := keys.NewRing([]byte(dashboardSecret))
	tok, err := (&sessiontoken.Minter{Key: ring.Key(keys.SessionToken)}).Mint("0f8fad5b-d9cb-469f-a165-70867728950e")
	if err != nil {
		t.Fatal(err)
	}
	if _, got := i.ask(t, &pb.ValidateTokenRequest{Token: tok, SessionToken: true}); got != "SESSION_UNKNOWN" {
		t.Errorf("got %s", got)
	}
}
