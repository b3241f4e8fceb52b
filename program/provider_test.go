package program

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// provider is an issuer with a JWKS whose keys change.
type provider struct {
	server *httptest.Server
	mu     sync.Mutex
	keys   map[string]*ecdsa.PrivateKey
	down   bool
	asked  int
}

func newProvider(t testing.TB) *provider {
	p := &provider{keys: map[string]*ecdsa.PrivateKey{}}
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked++
		if p.down {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		var set struct {
			Keys []map[string]string `json:"keys"`
		}
		for kid, k := range p.keys {
			set.Keys = append(set.Keys, map[string]string{"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "use": "sig", "x": b64(k.X.FillBytes(make([]byte, 32))), "y": b64(k.Y.FillBytes(make([]byte, 32)))})
		}
		_ = json.NewEncoder(w).Encode(set)
	}))
	t.Cleanup(p.server.Close)
	return p
}

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

func (p *provider) publish(t testing.TB, kid string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys[kid] = key
}

func (p *provider) token(t testing.TB, kid string, changes map[string]any) string {
	t.Helper()
	c := map[string]any{"iss": p.server.URL, "aud": "dashboard", "sub": "s1", "email": "tech@acme.example", "email_verified": true, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range changes {
		c[name] = value
	}
	part := func(v any) string { data, _ := json.Marshal(v); return b64(data) }
	signed := part(map[string]any{"alg": "ES256", "kid": kid}) + "." + part(c)
	p.mu.Lock()
	key := p.keys[kid]
	p.mu.Unlock()
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}
