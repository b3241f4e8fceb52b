package authsvc_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
)

const sessionID = "0f8fad5b-d9cb-469f-a165-70867728950e"

// keeper is a verifier and a finder: one token, one session.
type keeper struct {
	found authsvc.SessionIdentity
	err   error
	asked []string
}

func (k *keeper) VerifySession(token authsvc.Token) (string, error) {
	if token.Reveal() != "good" {
		return "", authsvc.ErrTokenSignature
	}
	return sessionID, nil
}

func (k *keeper) FindSession(_ context.Context, id string) (authsvc.SessionIdentity, error) {
	k.asked = append(k.asked, id)
	return k.found, k.err
}

func (k *keeper) EndedSessions(_ context.Context, ids []string) ([]string, error) {
	return ids[:1], k.err
}

func TestSessionsByTokenAndById(t *testing.T) {
	live := authsvc.SessionIdentity{ID: sessionID, Rights: 8}
	other, rightless := live, live
	other.ID, rightless.Rights = strings.Replace(sessionID, "0", "1", 1), 0
	for name, c := range map[string]struct {
		keeper keeper
		token  string
		want   authsvc.Reason
	}{
		"lives":                {keeper{found: live}, "good", ""},
		"no token":             {keeper{found: live}, "", authsvc.TokenMissing},
		"bad token":            {keeper{found: live}, "bad", authsvc.TokenSignature},
		"ended":                {keeper{err: authsvc.ErrSessionUnknown}, "good", authsvc.SessionUnknown},
		"database away":        {keeper{found: live, err: authsvc.ErrStoreUnavailable}, "good", authsvc.StoreUnavailable},
		"the answer is wrong":  {keeper{found: other}, "good", authsvc.SessionUnknown},
		"lost its last right":  {keeper{found: rightless}, "good", authsvc.SessionUnknown},
		"an answer of nothing": {keeper{}, "good", authsvc.SessionUnknown},
	} {
		s := authsvc.Sessions{Verifier: &c.keeper, Finder: &c.keeper}
		got, err := s.Authenticate(t.Context(), authsvc.NewToken(c.token))
		if reason := reasonOrNone(err); reason != c.want || (err != nil && got != (authsvc.Principal{})) || (err == nil && got != authsvc.Principal{Session: live}) {
			t.Errorf("%s: %v %v", name, got, err)
		}
		if c.token != "good" && len(c.keeper.asked) > 0 {
			t.Errorf("%s: the store was asked", name)
		}
	}
}

func reasonOrNone(err error) authsvc.Reason {
	if err == nil {
		return ""
	}
	return authsvc.ReasonOf(err)
}

func TestIdsOutOfShapeAskNothing(t *testing.T) {
	k := &keeper{found: authsvc.SessionIdentity{ID: sessionID, Rights: 8}}
	s := authsvc.Sessions{Verifier: k, Finder: k}
	for _, id := range []string{"", "x", strings.ToUpper(sessionID), sessionID + "0", sessionID[:35], strings.ReplaceAll(sessionID, "-", "0"), "0f8fad5b-d9cb-469f-a165-70867728950g"} {
		if authsvc.ValidSessionID(id) {
			t.Errorf("%q is valid", id)
		}
		if _, err := s.Find(t.Context(), id); authsvc.ReasonOf(err) != authsvc.RequestInvalid {
			t.Errorf("find %q: %v", id, err)
		}
		if _, err := s.Ended(t.Context(), []string{sessionID, id}); authsvc.ReasonOf(err) != authsvc.RequestInvalid {
			t.Errorf("ended %q: %v", id, err)
		}
	}
	if len(k.asked) > 0 {
		t.Error("the store was asked")
	}
	if _, err := s.Ended(t.Context(), slices.Repeat([]string{sessionID}, authsvc.MaxSessionIDs+1)); authsvc.ReasonOf(err) != authsvc.RequestInvalid {
		t.Errorf("too many: %v", err)
	}
	if ended, err := s.Ended(t.Context(), []string{sessionID}); err != nil || !slices.Equal(ended, []string{sessionID}) {
		t.Errorf("%v %v", ended, err)
	}
}

func TestWithoutASessionProxyNobodyLives(t *testing.T) {
	var s authsvc.Sessions
	if _, err := s.Authenticate(t.Context(), authsvc.NewToken("good")); !errors.Is(err, authsvc.ErrSessionUnknown) {
		t.Error(err)
	}
	if _, err := s.Find(t.Context(), sessionID); !errors.Is(err, authsvc.ErrSessionUnknown) {
		t.Error(err)
	}
	if ended, err := s.Ended(t.Context(), []string{sessionID}); err != nil || len(ended) != 1 {
		t.Error(ended, err)
	}
}
