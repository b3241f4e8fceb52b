package session_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

const nobodysID = "00000000-0000-4000-8000-000000000000"

func TestTheShimFindsLiveSessionsOnAnyReplica(t *testing.T) {
	w := newWorld(t)
	r, other := w.replica(t, nil), w.replica(t, nil)
	made := r.create(t, w.tech(), "2").Session
	for name, f := range map[string]session.Finder{"where it was made": {Service: r.Service}, "elsewhere": {Service: other.Service}} {
		got, err := f.FindSession(t.Context(), made.ID)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := authsvc.SessionIdentity{
			ID: made.ID, UserID: 1, Email: "tech@acme.example", Name: "Tess Tech", TenantID: tenantA, Role: authsvc.RoleTechnician, NodeID: made.Agent.NodeID,
			Rights: meshbridge.DeviceRights(authsvc.RoleTechnician), ExpiresAt: made.ExpiresAt, ReadAt: got.ReadAt,
		}
		if got != want || got.ReadAt.IsZero() {
			t.Errorf("%s: %+v", name, got)
		}
		if ended, err := f.EndedSessions(t.Context(), []string{made.ID, nobodysID}); err != nil || !slices.Equal(ended, []string{nobodysID}) {
			t.Errorf("%s: ended %v %v", name, ended, err)
		}
	}
	if err := r.Delete(t.Context(), w.tech(), made.ID, here); err != nil {
		t.Fatal(err)
	}
	f := session.Finder{Service: other.Service}
	if ended, err := f.EndedSessions(t.Context(), []string{made.ID}); err != nil || !slices.Equal(ended, []string{made.ID}) {
		t.Errorf("ended %v %v", ended, err)
	}
	other.Round(t.Context())
	for _, id := range []string{made.ID, nobodysID, "", "x"} {
		if got, err := f.FindSession(t.Context(), id); !errors.Is(err, authsvc.ErrSessionUnknown) || got != (authsvc.SessionIdentity{}) {
			t.Errorf("%q: %+v %v", id, got, err)
		}
	}
}

func TestTheShimIsAnsweredAsFreshAsItAsks(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	f := session.Finder{Service: r.Service}
	made := r.create(t, w.tech(), "2").Session
	first, err := f.FindSession(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.advance(time.Minute)
	if again, err := f.FindSession(t.Context(), made.ID); err != nil || !again.ReadAt.Equal(first.ReadAt) {
		t.Errorf("what was read is not used again: %v, then %v (%v)", first.ReadAt, again.ReadAt, err)
	}
	since := w.clock.Now()
	if again, err := f.FindSession(authsvc.ReadSince(t.Context(), since), made.ID); err != nil || again.ReadAt.Before(since) {
		t.Errorf("wanted since %v, read at %v (%v)", since, again.ReadAt, err)
	}
	w.db.Exec(t, `update public.users set disabled = true where user_id = 1`)
	w.clock.advance(time.Second)
	if _, err := f.FindSession(authsvc.ReadSince(t.Context(), w.clock.Now()), made.ID); !errors.Is(err, authsvc.ErrSessionUnknown) {
		t.Errorf("disabled, and yet %v", err)
	}
	if ended, err := f.EndedSessions(t.Context(), []string{made.ID}); err != nil || len(ended) != 1 {
		t.Errorf("ended %v %v", ended, err)
	}
}

func TestAnOutageIsNoVerdictForTheShim(t *testing.T) {
	w := newWorld(t)
	r := w.replica(t, nil)
	f := session.Finder{Service: r.Service}
	made := r.create(t, w.tech(), "2").Session
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.FindSession(authsvc.ReadSince(gone, w.clock.Now()), made.ID); err == nil || errors.Is(err, authsvc.ErrSessionUnknown) {
		t.Errorf("find: %v", err)
	}
	if _, err := f.EndedSessions(gone, []string{made.ID}); err == nil || errors.Is(err, authsvc.ErrSessionUnknown) {
		t.Errorf("ended: %v", err)
	}
	if _, err := f.FindSession(t.Context(), made.ID); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
