package authsvc_test

import (
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

func TestAnIdentityIsAsOldAsItsOldestPart(t *testing.T) {
	at := func(minute int) time.Time { return time.Unix(int64(60*minute), 0) }
	for name, c := range map[string]struct {
		id   authsvc.Identity
		want time.Time
	}{
		"user only":         {authsvc.Identity{User: authsvc.User{ReadAt: at(3)}}, at(3)},
		"tenant":            {authsvc.Identity{User: authsvc.User{ReadAt: at(3)}, Tenant: authsvc.Tenant{ID: "t", ReadAt: at(2)}}, at(2)},
		"devices":           {authsvc.Identity{User: authsvc.User{ReadAt: at(3)}, Devices: &authsvc.DeviceSet{ReadAt: at(1)}}, at(1)},
		"user is oldest":    {authsvc.Identity{User: authsvc.User{ReadAt: at(1)}, Devices: &authsvc.DeviceSet{ReadAt: at(2)}}, at(1)},
		"a part without it": {authsvc.Identity{User: authsvc.User{ReadAt: at(3)}, Devices: &authsvc.DeviceSet{}}, time.Time{}},
	} {
		if got := c.id.ReadAt(); !got.Equal(c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestSince(t *testing.T) {
	if got := authsvc.Since(t.Context()); !got.IsZero() {
		t.Errorf("nobody asked, and yet %s", got)
	}
	want := time.Unix(1, 0)
	if got := authsvc.Since(authsvc.ReadSince(t.Context(), want)); !got.Equal(want) {
		t.Errorf("got %s", got)
	}
}
