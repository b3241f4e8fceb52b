package sessiontoken

import (
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

func TestWhatIsRememberedIsBoundedAndForgotten(t *testing.T) {
	u := used{most: 3}
	at := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	id := func(n byte) [16]byte { return [16]byte{n} }
	for n := range byte(3) {
		if err := u.first(id(n), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := u.first(id(9), at); authsvc.ReasonOf(err) != authsvc.StoreUnavailable {
		t.Errorf("a fourth: %v", err)
	}
	if err := u.first(id(0), at); authsvc.ReasonOf(err) != authsvc.TokenReplayed {
		t.Errorf("a replay while it is full: %v", err)
	}
	if err := u.first(id(9), at.Add(generation)); err != nil {
		t.Errorf("a generation later: %v", err)
	}
	if err := u.first(id(0), at.Add(generation)); authsvc.ReasonOf(err) != authsvc.TokenReplayed {
		t.Errorf("of the generation before: %v", err)
	}
	if err := u.first(id(0), at.Add(3*generation)); err != nil || len(u.former) != 0 {
		t.Errorf("long after: %v, %d are still remembered", err, len(u.former))
	}
}
