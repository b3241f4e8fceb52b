package sessiontoken_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
	"github.com/everydaytech/meshsso/meshbridge/keys"
	"github.com/everydaytech/meshsso/meshbridge/sessiontoken"
)

const (
	secret  = "the secret of the dashboard, 32 bytes or more"
	session = "0f8fad5b-d9cb-469f-a165-70867728950e"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// bench is one maker and one checker whose clocks a test moves.
type bench struct {
	minter   sessiontoken.Minter
	verifier *sessiontoken.Verifier
	made     time.Time // the maker's clock
	now      time.Time // the checker's
}

func sessionKey(t testing.TB) [32]byte {
	t.Helper()
	ring, err := keys.NewRing([]byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	return ring.Key(keys.SessionToken)
}

func newBench(t testing.TB) *bench {
	b := &bench{made: noon, now: noon}
	key := sessionKey(t)
	b.minter = sessiontoken.Minter{Key: key, Now: func() time.Time { return b.made }}
	b.verifier = sessiontoken.NewVerifier(key, func() time.Time { return b.now })
	return b
}

func (b *bench) mint(t testing.TB) string {
	t.Helper()
	tok, err := b.minter.Mint(session)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (b *bench) verify(tok string) (string, error) {
	return b.verifier.VerifySession(authsvc.NewToken(tok))
}

func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{"iss": "meshsso", "aud": "meshcentral", "sub": session, "jti": "AAAAAAAAAAAAAAAAAAAAAA", "iat": noon.Unix(), "exp": noon.Unix() + 30}
	for name, value := range changes {
		c[name] = value
		if value == nil {
			delete(c, name)
		}
	}
	return c
}

// signed makes a token as somebody else would, with a common library.
func signed(t testing.TB, method jwt.SigningMethod, key any, typ any, c jwt.Claims) string {
	t.Helper()
	tok := jwt.NewWithClaims(method, c)
	tok.Header["typ"] = typ
	text, err := tok.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const typ = "meshsso-session+jwt"

func TestAMintedTokenIsGoodOnceAndNamesItsSession(t *testing.T) {
	b := newBench(t)
	tok := b.mint(t)
	if got, err := b.verify(tok); err != nil || got != session {
		t.Fatalf("%q %v", got, err)
	}
	if got, err := b.verify(tok); !errors.Is(err, authsvc.ErrTokenReplayed) || got != "" && err == nil {
		t.Errorf("again: %q %v", got, err)
	}
	if other := b.mint(t); other == tok {
		t.Error("two tokens are one")
	} else if _, err := b.verify(other); err != nil {
		t.Errorf("a second token of the session: %v", err)
	}
	if len(tok) > sessiontoken.MaxBytes/2 {
		t.Errorf("a token has %d bytes", len(tok))
	}
}

// What a common library makes of the same claims is accepted: nothing below is refused for another reason than its own.
func TestTheTestsOwnTokensAreGood(t *testing.T) {
	b := newBench(t)
	key := sessionKey(t)
	if got, err := b.verify(signed(t, jwt.SigningMethodHS256, key[:], typ, claims(nil))); err != nil || got != session {
		t.Fatalf("%q %v", got, err)
	}
}

func TestWhateverIsNotAnInternalTokenIsRefused(t *testing.T) {
	key := sessionKey(t)
	hs256 := func(changes jwt.MapClaims) string {
		return signed(t, jwt.SigningMethodHS256, key[:], typ, claims(changes))
	}
	good := hs256(nil)
	parts := strings.Split(good, ".")
	none, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims(nil)).SignedString(jwt.UnsafeAllowNoneSignatureType)
	otherRing, _ := keys.NewRing([]byte(strings.Repeat("o", 32)))
	otherKey := otherRing.Key(keys.SessionToken)
	sealRing, _ := keys.NewRing([]byte(secret))
	sealKey := sealRing.Key(keys.Seal)
	for name, c := range map[string]struct {
		token string
		want  authsvc.Reason
	}{
		"empty":                         {"", authsvc.TokenMalformed},
		"no token at all":               {"hello", authsvc.TokenMalformed},
		"dots":                          {"...", authsvc.TokenMalformed},
		"alg none":                      {none, authsvc.TokenMalformed},
		"alg none, right typ":           {signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, typ, claims(nil)), authsvc.TokenMalformed},
		"alg HS512":                     {signed(t, jwt.SigningMethodHS512, key[:], typ, claims(nil)), authsvc.TokenMalformed},
		"typ JWT":                       {signed(t, jwt.SigningMethodHS256, key[:], "JWT", claims(nil)), authsvc.TokenMalformed},
		"typ in capitals":               {signed(t, jwt.SigningMethodHS256, key[:], strings.ToUpper(typ), claims(nil)), authsvc.TokenMalformed},
		"signed by the dashboard":       {signed(t, jwt.SigningMethodHS256, []byte(secret), typ, claims(nil)), authsvc.TokenSignature},
		"the dashboard's own":           {signed(t, jwt.SigningMethodHS256, []byte(secret), "JWT", jwt.MapClaims{"email": "a@b.example", "exp": noon.Unix() + 60}), authsvc.TokenMalformed},
		"key of another secret":         {signed(t, jwt.SigningMethodHS256, otherKey[:], typ, claims(nil)), authsvc.TokenSignature},
		"key of another purpose":        {signed(t, jwt.SigningMethodHS256, sealKey[:], typ, claims(nil)), authsvc.TokenSignature},
		"no signature":                  {parts[0] + "." + parts[1] + ".", authsvc.TokenSignature},
		"cut signature":                 {good[:len(good)-2], authsvc.TokenSignature},
		"another's payload":             {parts[0] + "." + strings.Split(hs256(jwt.MapClaims{"iss": "x"}), ".")[1] + "." + parts[2], authsvc.TokenSignature},
		"four parts":                    {good + ".x", authsvc.TokenMalformed},
		"huge":                          {good + strings.Repeat("A", 1<<20), authsvc.TokenMalformed},
		"one byte too long":             {strings.Repeat("A", sessiontoken.MaxBytes+1), authsvc.TokenMalformed},
		"31 s":                          {hs256(jwt.MapClaims{"exp": noon.Unix() + 31}), authsvc.TokenClaims},
		"never ends":                    {hs256(jwt.MapClaims{"exp": nil}), authsvc.TokenClaims},
		"ends before it begins":         {hs256(jwt.MapClaims{"exp": noon.Unix() - 1}), authsvc.TokenClaims},
		"never began":                   {hs256(jwt.MapClaims{"iat": nil}), authsvc.TokenClaims},
		"times that overflow":           {hs256(jwt.MapClaims{"iat": int64(-1 << 63), "exp": int64(1<<63 - 1)}), authsvc.TokenClaims},
		"half seconds":                  {hs256(jwt.MapClaims{"exp": float64(noon.Unix()) + 1.5}), authsvc.TokenClaims},
		"times as text":                 {hs256(jwt.MapClaims{"exp": fmt.Sprint(noon.Unix() + 30)}), authsvc.TokenClaims},
		"another audience":              {hs256(jwt.MapClaims{"aud": "dashboard"}), authsvc.TokenClaims},
		"two audiences":                 {hs256(jwt.MapClaims{"aud": []string{"meshcentral", "dashboard"}}), authsvc.TokenClaims},
		"no audience":                   {hs256(jwt.MapClaims{"aud": nil}), authsvc.TokenClaims},
		"another issuer":                {hs256(jwt.MapClaims{"iss": "dashboard"}), authsvc.TokenClaims},
		"no session":                    {hs256(jwt.MapClaims{"sub": nil}), authsvc.TokenClaims},
		"a session in capitals":         {hs256(jwt.MapClaims{"sub": strings.ToUpper(session)}), authsvc.TokenClaims},
		"a session that is no UUID":     {hs256(jwt.MapClaims{"sub": "1 OR 1=1"}), authsvc.TokenClaims},
		"no jti":                        {hs256(jwt.MapClaims{"jti": nil}), authsvc.TokenClaims},
		"short jti":                     {hs256(jwt.MapClaims{"jti": "AAAA"}), authsvc.TokenClaims},
		"jti with a bit after its last": {hs256(jwt.MapClaims{"jti": "AAAAAAAAAAAAAAAAAAAAAB"}), authsvc.TokenClaims},
		"claims that are no object":     {signed(t, jwt.SigningMethodHS256, key[:], typ, list{}), authsvc.TokenClaims},
	} {
		b := newBench(t)
		got, err := b.verify(c.token)
		if reason := authsvc.ReasonOf(err); reason != c.want || got != "" {
			t.Errorf("%s: %q %v, want %s", name, got, err, c.want)
		}
	}
}

// list is a JWS payload that is no claims at all.
type list struct{ jwt.RegisteredClaims }

func (list) MarshalJSON() ([]byte, error) { return []byte(`["meshsso"]`), nil }

func TestItsTimes(t *testing.T) {
	for name, c := range map[string]struct {
		made, now time.Duration // after noon
		want      authsvc.Reason
	}{
		"at once":                       {0, 0, ""},
		"in the last moment":            {0, 30*time.Second - time.Nanosecond, ""},
		"at its end":                    {0, 30 * time.Second, authsvc.TokenExpired},
		"later":                         {0, time.Hour, authsvc.TokenExpired},
		"made by a clock ahead":         {5 * time.Second, 0, ""},
		"made by a clock too far ahead": {6 * time.Second, 0, authsvc.TokenNotYetValid},
		"made before we started":        {-time.Second, 0, authsvc.TokenReplayed},
	} {
		b := newBench(t)
		b.made, b.now = noon.Add(c.made), noon.Add(c.now)
		if _, err := b.verify(b.mint(t)); authsvc.ReasonOf(orNone(err)) != c.want {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// orNone is an error without a reason for none.
func orNone(err error) error {
	if err == nil {
		return &authsvc.Error{}
	}
	return err
}

func TestAReplayIsSeenForAsLongAsTheTokenLives(t *testing.T) {
	b := newBench(t)
	for begin := time.Duration(0); begin < 2*time.Minute; begin += 7 * time.Second {
		b.made, b.now = noon.Add(begin+5*time.Second), noon.Add(begin) // the longest possible: made by a clock ahead
		tok := b.mint(t)
		if _, err := b.verify(tok); err != nil {
			t.Fatal(err)
		}
		for age := time.Duration(0); age < 40*time.Second; age += time.Second {
			b.now = noon.Add(begin + age)
			if _, err := b.verify(tok); err == nil {
				t.Fatalf("begun at %s, accepted again after %s", begin, age)
			}
		}
	}
}

func TestOneOfManyAtOnceWins(t *testing.T) {
	b := newBench(t)
	tok := b.mint(t)
	var wins sync.Map
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, err := b.verify(tok); err == nil {
				wins.Store(i, true)
			}
		})
	}
	all.Wait()
	count := 0
	wins.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("%d were let in", count)
	}
}

func TestADashboardsVerifierRefusesIt(t *testing.T) {
	b := newBench(t)
	key := sessionKey(t)
	for name, secret := range map[string][]byte{"its own secret": []byte(secret), "even the session key": key[:]} {
		v, err := token.New(token.Config{DashboardKey: secret, Now: func() time.Time { return noon }})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Verify(t.Context(), authsvc.NewToken(b.mint(t))); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMintRefusesWhatIsNoSessionAndLacksNoRandomness(t *testing.T) {
	m := sessiontoken.Minter{Rand: bytes.NewReader(make([]byte, 15))}
	for _, id := range []string{"", "x", strings.ToUpper(session), session + " "} {
		if tok, err := m.Mint(id); err == nil {
			t.Errorf("%q: %s", id, tok)
		}
	}
	if _, err := m.Mint(session); err == nil {
		t.Error("15 random bytes were enough")
	}
}

func FuzzVerify(f *testing.F) {
	b := newBench(f)
	key := sessionKey(f)
	f.Add(b.mint(f))
	f.Add(signed(f, jwt.SigningMethodHS256, key[:], typ, claims(jwt.MapClaims{"exp": 1e300})))
	f.Add(signed(f, jwt.SigningMethodHS256, []byte(secret), "JWT", claims(nil)))
	f.Add("..")
	header := strings.Split(b.mint(f), ".")[0]
	f.Add(header + ".e30." + base64.RawURLEncoding.EncodeToString(make([]byte, 32)))
	f.Fuzz(func(t *testing.T, text string) {
		b := newBench(t)
		id, err := b.verify(text)
		if err != nil {
			if id != "" || authsvc.ReasonOf(err) == authsvc.Internal {
				t.Fatalf("%q %v", id, err)
			}
			if strings.Contains(err.Error(), text) && len(text) > 20 {
				t.Fatal("the error quotes the token")
			}
			return
		}
		if !authsvc.ValidSessionID(id) {
			t.Fatalf("session %q", id)
		}
		if _, again := b.verify(text); again == nil {
			t.Fatal("accepted twice")
		}
	})
}
