package jwks_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/jwks"
	"github.com/everydaytech/meshsso/authsvc/token"
)

// issuer publishes keys and signs with the newest; old keys stay published until they are withdrawn.
type issuer struct {
	mu        sync.Mutex
	published string
	private   map[string]ed25519.PrivateKey
	newest    string
}

func (i *issuer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	_, _ = w.Write([]byte(i.published))
}

// rotate publishes one more key and signs with it from then on; withdraw publishes no other.
func (i *issuer) rotate(t *testing.T, kid string, withdraw bool) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	key := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","kid":%q,"x":%q}`, kid, base64.RawURLEncoding.EncodeToString(public))
	if i.published == "" || withdraw {
		i.published = `{"keys":[` + key + `]}`
	} else {
		i.published = i.published[:len(i.published)-2] + "," + key + "]}"
	}
	i.private[kid], i.newest = private, kid
}

func (i *issuer) sign(t *testing.T, kid string) authsvc.Token {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	if kid == "" {
		kid = i.newest
	}
	now := time.Now().Unix()
	text := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": "https://acme.example", "aud": "meshsso", "iat": now, "exp": now + 600})
	text.Header["kid"] = kid
	signed, err := text.SignedString(i.private[kid])
	if err != nil {
		t.Fatal(err)
	}
	return authsvc.NewToken(signed)
}

func verifierOf(t *testing.T, s authsvc.KeySource) *token.Verifier {
	t.Helper()
	acme := &authsvc.Issuer{Name: "acme", Tenants: map[string]bool{"t": true}}
	v, err := token.New(token.Config{DashboardKey: make([]byte, 32), Leeway: time.Minute, Issuers: []token.Issuer{{
		Name: "acme", Issuer: "https://acme.example", Audiences: []string{"meshsso"}, Algorithms: []string{"EdDSA"}, Keys: s, Leeway: time.Minute,
		Map: func([]byte) (authsvc.Claims, error) {
			return authsvc.Claims{Email: "p@acme.example", Mapped: &authsvc.Mapped{Issuer: acme}}, nil
		},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Under load no good token is refused while keys rotate: the newest by one more fetch, those of before by what is published.
func TestRotationUnderLoad(t *testing.T) {
	provider := &issuer{private: map[string]ed25519.PrivateKey{}}
	provider.rotate(t, "0", false)
	server := serve(t, provider.ServeHTTP)
	// The clock of the source, so that the rate of asking is no matter of how fast this machine is.
	var skew atomic.Int64
	source, err := jwks.New(jwks.Config{
		URL: server.URL, CAFile: caFile(t, server), Algorithms: []string{"EdDSA"}, Timeout: time.Minute,
		Now: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) },
	})
	if err != nil {
		t.Fatal(err)
	}
	v := verifierOf(t, source)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var good, refused atomic.Int64
	for range 8 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := v.Verify(t.Context(), provider.sign(t, "")); err != nil {
					refused.Add(1)
					t.Error(err)
					return
				}
				good.Add(1)
			}
		})
	}
	for n := 1; n <= 10; n++ {
		for before := good.Load(); good.Load() < before+20 && refused.Load() == 0; {
			if _, err := v.Verify(t.Context(), provider.sign(t, fmt.Sprint(n-1))); err != nil {
				t.Fatalf("the key before: %v", err)
			}
		}
		skew.Add(int64(11 * time.Second))
		provider.rotate(t, fmt.Sprint(n), false)
	}
	close(stop)
	load.Wait()
	// A key that is withdrawn counts no more as soon as that is known.
	last := provider.sign(t, "10")
	if _, err := v.Verify(t.Context(), last); err != nil {
		t.Error(err)
	}
	skew.Add(int64(11 * time.Second))
	provider.rotate(t, "11", true)
	if _, err := v.Verify(t.Context(), last); err != nil {
		t.Errorf("nobody has asked yet: %v", err)
	}
	if _, err := v.Verify(t.Context(), provider.sign(t, "11")); err != nil {
		t.Error(err)
	}
	if _, err := v.Verify(t.Context(), last); authsvc.ReasonOf(err) != authsvc.TokenSignature {
		t.Errorf("withdrawn: %v", err)
	}
	t.Logf("%d good tokens, %+v", good.Load(), source.Stats())
}
