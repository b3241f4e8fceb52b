package authsvc_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/everydaytech/meshsso/authsvc"
)

type emailVector struct {
	In     string
	Folded *string
}

func emailVectors(t testing.TB) []emailVector {
	t.Helper()
	data, err := os.ReadFile("testdata/emails.json")
	if err != nil {
		t.Fatal(err)
	}
	var v []emailVector
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestFoldEmailVectors(t *testing.T) {
	for _, v := range emailVectors(t) {
		got, ok := authsvc.FoldEmail(v.In)
		switch {
		case v.Folded == nil && ok:
			t.Errorf("%q is accepted as %q", v.In, got)
		case v.Folded != nil && (!ok || got != *v.Folded):
			t.Errorf("%q gives %q, %v; want %q", v.In, got, ok, *v.Folded)
		}
	}
}

func TestFoldEmailLengthIsInBytes(t *testing.T) {
	domain := "@x.example"
	if _, ok := authsvc.FoldEmail(strings.Repeat("a", authsvc.MaxEmailBytes-len(domain)) + domain); !ok {
		t.Error("254 bytes are refused")
	}
	if _, ok := authsvc.FoldEmail(strings.Repeat("a", authsvc.MaxEmailBytes-len(domain)+1) + domain); ok {
		t.Error("255 bytes are accepted")
	}
	if _, ok := authsvc.FoldEmail(strings.Repeat("é", 130) + domain); ok {
		t.Error("270 bytes in 140 characters are accepted")
	}
	if _, ok := authsvc.FoldEmail("a\xff@x.example"); ok {
		t.Error("invalid UTF-8 is accepted")
	}
}

// What is accepted must mean one thing to everybody who folds it again, in whatever way.
func FuzzFoldEmail(f *testing.F) {
	for _, v := range emailVectors(f) {
		f.Add(v.In)
	}
	f.Fuzz(func(t *testing.T, in string) {
		folded, ok := authsvc.FoldEmail(in)
		if !ok {
			if folded != "" {
				t.Fatalf("refused and yet %q", folded)
			}
			return
		}
		if again, ok := authsvc.FoldEmail(folded); !ok || again != folded {
			t.Fatalf("%q folds on to %q", folded, again)
		}
		if !strings.EqualFold(in, folded) || strings.ToLower(folded) != folded || strings.ToLower(in) != folded {
			t.Fatalf("%q: another folding than lower case", in)
		}
		if len(folded) != len(in) || !utf8.ValidString(folded) || strings.ContainsAny(folded, "/\\<>\"`, \r\n\t\x00") || folded[0] == '~' {
			t.Fatalf("%q is accepted", in)
		}
	})
}

func ExampleFoldEmail() {
	fmt.Println(authsvc.FoldEmail("Tess.Tech@Acme.Example"))
	_, ok := authsvc.FoldEmail("\u212aelvin@acme.example") // a Kelvin sign, which lower-cases to an ASCII k
	fmt.Println(ok)
	// Output:
	// tess.tech@acme.example true
	// false
}
