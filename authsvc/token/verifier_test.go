package token_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"testing"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/token"
)

const (
	dashboardKey = "dashboard-dashboard-dashboard-32"
	agentKey     = "agents-agents-agents-agents-32-b"
	tenant       = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
	header       = `{"alg":"HS256","typ":"JWT"}`
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func verifier(t testing.TB) *token.Verifier {
	t.Helper()
	v, err := token.New(token.Config{
		DashboardKey: []byte(dashboardKey), AgentKey: []byte(agentKey), Leeway: token.DefaultLeeway, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func b64(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

func mac(h func() hash.Hash, key, signed string) string {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// jws signs header and payload as they stand.
func jws(key, header, payload string) string {
	signed := b64(header) + "." + b64(payload)
	return signed + "." + mac(sha256.New, key, signed)
}

// payload is a good one with more members before its end.
func payload(more string) string {
	return fmt.Sprintf(`{"email":"Tech@acme.example","tenantId":%q,"userId":7,"exp":%d%s}`, strings.ToUpper(tenant), now.Unix()+60, more)
}

func verify(t testing.TB, text string) (authsvc.Claims, authsvc.Reason) {
	t.Helper()
	c, err := verifier(t).Verify(context.Background(), authsvc.NewToken(text))
	if err == nil {
		return c, ""
	}
	if c != (authsvc.Claims{}) {
		t.Errorf("claims together with an error: %+v", c)
	}
	return c, authsvc.ReasonOf(err)
}

func TestAccepts(t *testing.T) {
	for name, text := range map[string]string{
		"plain":               jws(dashboardKey, header, payload("")),
		"no typ":              jws(dashboardKey, `{"alg":"HS256"}`, payload("")),
		"typ in lower case":   jws(dashboardKey, `{"typ":"jwt","alg":"HS256"}`, payload("")),
		"kid, unknown header": jws(dashboardKey, `{"alg":"HS256","kid":"../../key","x":{"y":[1]}}`, payload("")),
		"white space in JSON": jws(dashboardKey, " { \"alg\" : \"HS256\" } \n", "\t"+payload("")+"\r\n"),
		"both ids":            jws(dashboardKey, header, payload(`,"user_id":7`)),
		"optional claims":     jws(dashboardKey, header, payload(`,"iat":1772366400.25,"nbf":1,"iss":"a","sub":"b","jti":"c","aud":["d","e"],"role":"viewer"`)),
		"aud empty array":     jws(dashboardKey, header, payload(`,"aud":[]`)),
		"unknown claims":      jws(dashboardKey, header, payload(`,"scope":["x"],"EMAIL":"other@x.example","nested":{"a":{"a":1}}`)),
		"iat within leeway":   jws(dashboardKey, header, payload(fmt.Sprintf(`,"iat":%d,"nbf":%d`, now.Unix()+30, now.Unix()+30))),
		"escaped name":        jws(dashboardKey, header, strings.Replace(payload(""), `"email"`, `"\u0065mail"`, 1)),
	} {
		c, reason := verify(t, text)
		if reason != "" || c.Email != "tech@acme.example" || c.TenantID != tenant || c.UserID != 7 || c.Key != authsvc.KeyDashboard ||
			!c.ExpiresAt.Equal(now.Add(time.Minute)) {
			t.Errorf("%s: %s %+v", name, reason, c)
		}
	}
}

func TestEitherKey(t *testing.T) {
	if c, reason := verify(t, jws(agentKey, header, payload(`,"role":"admin"`))); reason != "" || c.Key != authsvc.KeyAgent || c.Role != "admin" || !c.HasRole {
		t.Errorf("%s %+v", reason, c)
	}
	v, err := token.New(token.Config{DashboardKey: []byte(dashboardKey), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	// Without a second key, an empty one must verify nothing.
	for _, key := range []string{agentKey, ""} {
		if _, err := v.Verify(context.Background(), authsvc.NewToken(jws(key, header, payload("")))); authsvc.ReasonOf(err) != authsvc.TokenSignature {
			t.Errorf("key %q: %v", key, err)
		}
	}
}

// refusals: name, token, reason. Every payload is signed with the right key unless the name says otherwise.
func refusals() map[authsvc.Reason]map[string]string {
	good := jws(dashboardKey, header, payload(""))
	parts := strings.Split(good, ".")
	signed := parts[0] + "." + parts[1]
	head := func(h string) string { return jws(dashboardKey, h, payload("")) }
	body := func(more string) string { return jws(dashboardKey, header, payload(more)) }
	swap := func(old, new string) string {
		return jws(dashboardKey, header, strings.Replace(payload(""), old, new, 1))
	}
	resign := func(h, p string) string {
		return h + "." + p + "." + mac(sha256.New, dashboardKey, h+"."+p)
	}
	exp := fmt.Sprintf(`"exp":%d`, now.Unix()+60)
	return map[authsvc.Reason]map[string]string{
		authsvc.TokenMalformed: {
			"one part": "abc", "two parts": signed, "four parts": good + ".x", "five parts (JWE)": "a.b.c.d.e", "dots": "..",
			"leading space": " " + good, "trailing newline": good + "\n", "CR in the signature": good[:len(good)-4] + "\r" + good[len(good)-4:],
			"line break in the header, signed":  resign(parts[0][:4]+"\n"+parts[0][4:], parts[1]),
			"line break in the payload, signed": resign(parts[0], parts[1][:4]+"\r\n"+parts[1][4:]),
			"padding":                           resign(b64(header)+"==", parts[1]),
			"payload padding":                   resign(parts[0], base64.URLEncoding.EncodeToString([]byte(payload("")+" "))+"="),
			"standard alphabet":                 resign(parts[0], parts[1]+"+/"),
			"stray bits":                        signed + "." + strayBits(parts[2]),
			"bearer prefix":                     "Bearer " + good,
			"too long":                          good + strings.Repeat("A", token.MaxBytes),
			"a megabyte":                        strings.Repeat("A", 1<<20), "a megabyte of dots": strings.Repeat(".", 1<<20),
			"header is no JSON": head(`alg=HS256`), "header is an array": head(`["HS256"]`), "header is null": head(`null`), "header empty": head(``),
			"header twice": head(`{"alg":"HS256"}{"alg":"HS256"}`), "duplicate alg": head(`{"alg":"HS256","alg":"HS256"}`),
			"duplicate alg, escaped": head(`{"alg":"HS256","\u0061lg":"HS256"}`), "duplicate deep": head(`{"alg":"HS256","x":{"y":1,"y":2}}`),
			"invalid UTF-8 in header": head("{\"alg\":\"HS256\",\"x\":\"\xff\"}"), "BOM": head("\ufeff" + header),
			"comment": head(`{"alg":"HS256"/*x*/}`), "single quotes": head(`{'alg':'HS256'}`), "trailing comma": head(`{"alg":"HS256",}`),
			"crit": head(`{"alg":"HS256","crit":["exp"]}`), "crit unknown": head(`{"alg":"HS256","crit":["x"],"x":1}`), "crit empty": head(`{"alg":"HS256","crit":[]}`),
			"b64 false": head(`{"alg":"HS256","b64":false}`), "b64 true": head(`{"alg":"HS256","b64":true}`),
			"jwk": head(`{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}`), "jku": head(`{"alg":"HS256","jku":"https://x.example"}`),
			"x5u": head(`{"alg":"HS256","x5u":"https://x.example"}`), "x5c": head(`{"alg":"HS256","x5c":[]}`), "x5t": head(`{"alg":"HS256","x5t":"x"}`),
			"enc": head(`{"alg":"HS256","enc":"A128GCM"}`), "zip": head(`{"alg":"HS256","zip":"DEF"}`), "cty": head(`{"alg":"HS256","cty":"JWT"}`),
			"typ other": head(`{"alg":"HS256","typ":"at+jwt"}`), "typ number": head(`{"alg":"HS256","typ":1}`), "kid number": head(`{"alg":"HS256","kid":1}`),
			"payload array": jws(dashboardKey, header, `[1]`), "payload null": jws(dashboardKey, header, `null`), "payload empty": jws(dashboardKey, header, ``),
			"payload twice": jws(dashboardKey, header, payload("")+payload("")), "payload truncated": jws(dashboardKey, header, payload("")[:40]),
			"duplicate claim": body(`,"email":"other@acme.example"`), "duplicate claim, escaped": body(`,"\u0065mail":"other@acme.example"`),
			"duplicate deep in payload": body(`,"x":[{"a":1,"a":1}]`), "invalid UTF-8 in payload": body(",\"x\":\"\xc3\x28\""),
			"lone surrogate": body(`,"x":"\ud800"`),
		},
		authsvc.TokenAlgorithm: {
			"none": b64(`{"alg":"none"}`) + "." + parts[1] + ".", "None": head(`{"alg":"None"}`), "NONE signed": head(`{"alg":"NONE"}`),
			"lower case": head(`{"alg":"hs256"}`), "missing": head(`{"typ":"JWT"}`), "null": head(`{"alg":null}`), "number": head(`{"alg":256}`),
			"array": head(`{"alg":["HS256"]}`), "Alg": head(`{"Alg":"HS256"}`), "space": head(`{"alg":"HS256 "}`), "HS512": foreign("HS512", sha512.New),
			"HS384": foreign("HS384", sha512.New384), "RS256": head(`{"alg":"RS256"}`), "ES256": head(`{"alg":"ES256"}`), "EdDSA": head(`{"alg":"EdDSA"}`),
			"dir": head(`{"alg":"dir"}`),
		},
		authsvc.TokenSignature: {
			"wrong key": jws("another-key-another-key-another-k", header, payload("")), "empty": signed + ".", "short": signed + "." + parts[2][:40],
			"long": signed + "." + parts[2] + "AAAA", "HS512's": signed + "." + mac(sha512.New, dashboardKey, signed),
			"tampered payload":       parts[0] + "." + b64(strings.Replace(payload(""), "7", "8", 1)) + "." + parts[2],
			"tampered header":        b64(`{"alg":"HS256","typ":"jwt"}`) + "." + parts[1] + "." + parts[2],
			"wrong key, no payload":  jws("another-key-another-key-another-k", header, "not JSON"),
			"wrong key, and expired": jws("another-key-another-key-another-k", header, `{"exp":1}`),
		},
		authsvc.TokenExpired: {
			"a second ago": swap(exp, fmt.Sprintf(`"exp":%d`, now.Unix()-1)), "now": swap(exp, fmt.Sprintf(`"exp":%d`, now.Unix())),
			"a fraction ago": swap(exp, fmt.Sprintf(`"exp":%d.9`, now.Unix()-1)), "1970": swap(exp, `"exp":0.5`),
		},
		authsvc.TokenNotYetValid: {
			"nbf": body(fmt.Sprintf(`,"nbf":%d`, now.Unix()+31)), "iat": body(fmt.Sprintf(`,"iat":%d`, now.Unix()+31)),
			"nbf far": body(`,"nbf":253402300799`), "iat by a fraction": body(fmt.Sprintf(`,"iat":%d.5`, now.Unix()+30)),
		},
		authsvc.TokenClaims: claimRefusals(body, swap, exp),
	}
}

func claimRefusals(body func(string) string, swap func(string, string) string, exp string) map[string]string {
	up := strings.ToUpper(tenant)
	out := map[string]string{
		"empty object": jws(dashboardKey, header, `{}`), "no email": swap(`"email":"Tech@acme.example",`, ``), "no tenant": swap(`"tenantId":"`+up+`",`, ``),
		"no user": swap(`"userId":7,`, ``), "no exp": swap(`,`+exp, ``), "Email": swap(`"email"`, `"Email"`), "tenant_id": swap(`"tenantId"`, `"tenant_id"`),
		"userid": swap(`"userId"`, `"userid"`), "ids differ": body(`,"user_id":8`), "second id a string": body(`,"user_id":"7"`), "second id null": body(`,"user_id":null`),
	}
	for _, v := range []string{`null`, `1`, `["a@x.example"]`, `{}`, `""`, `"x"`, `"~a@x.example"`, `"a b@x.example"`, `"\u212a@x.example"`, `"a@x.example\u0000"`} {
		out["email "+v] = swap(`"Tech@acme.example"`, v)
	}
	for _, v := range []string{`null`, `1`, `""`, `"{` + up + `}"`, `"urn:uuid:` + up + `"`, `"` + strings.ReplaceAll(up, "-", "") + `"`, `"` + up + ` "`, `"` + strings.Replace(up, "A", "G", 1) + `"`, `"AAAAAAAAA-AAA-4AAA-8AAA-AAAAAAAAAAAA"`} {
		out["tenantId "+v] = swap(`"`+up+`"`, v)
	}
	for _, v := range []string{`null`, `"7"`, `0`, `-7`, `-0`, `7.0`, `7.5`, `7e0`, `7E1`, `9007199254740992`, `99999999999999999999`, `true`, `[7]`, `{}`} {
		out["userId "+v] = swap(`"userId":7`, `"userId":`+v)
	}
	for _, v := range []string{`null`, `"1"`, `0`, `-1`, `253402300800`, `1e300`, `true`, `[1]`} {
		out["exp "+v] = swap(exp, `"exp":`+v)
		out["nbf "+v] = body(`,"nbf":` + v)
		out["iat "+v] = body(`,"iat":` + v)
	}
	for _, name := range []string{"iss", "sub", "jti", "role", "aud"} {
		for _, v := range []string{`null`, `1`, `{}`, `[1]`, `true`} {
			out[name+" "+v] = body(fmt.Sprintf(`,%q:%s`, name, v))
		}
	}
	out["aud mixed"] = body(`,"aud":["a",1]`)
	return out
}

// strayBits changes the bits of the last character that no byte holds: the same 32 bytes in another text.
func strayBits(sig string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	i := strings.IndexByte(alphabet, sig[len(sig)-1])
	return sig[:len(sig)-1] + string(alphabet[i^1])
}

func foreign(alg string, h func() hash.Hash) string {
	signed := b64(`{"alg":"`+alg+`"}`) + "." + b64(payload(""))
	return signed + "." + mac(h, dashboardKey, signed)
}

func TestRefuses(t *testing.T) {
	for reason, tokens := range refusals() {
		for name, text := range tokens {
			if _, got := verify(t, text); got != reason {
				t.Errorf("%s: %q, want %s", name, got, reason)
			}
		}
	}
}

func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	text := jws(dashboardKey, header, payload(`,"role":{"secret":"hush"}`))
	_, err := verifier(t).Verify(context.Background(), authsvc.NewToken(text))
	if err == nil || strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), "acme") {
		t.Errorf("the error is %v", err)
	}
}

func TestConfig(t *testing.T) {
	long := []byte(strings.Repeat("k", 32))
	for name, c := range map[string]struct {
		cfg  token.Config
		says []string
	}{
		"all at once":     {token.Config{AgentKey: []byte("x"), Leeway: -1}, []string{"JWT_SECRET has 0 bytes", "AGENT_SIGN_KEY has 1 bytes", "leeway"}},
		"31 bytes":        {token.Config{DashboardKey: long[:31]}, []string{"JWT_SECRET has 31 bytes"}},
		"equal keys":      {token.Config{DashboardKey: long, AgentKey: long}, []string{"must differ"}},
		"leeway too long": {token.Config{DashboardKey: long, Leeway: time.Hour}, []string{"1h0m0s"}},
	} {
		_, err := token.New(c.cfg)
		for _, s := range c.says {
			if err == nil || !strings.Contains(err.Error(), s) || strings.Contains(err.Error(), "kkk") {
				t.Errorf("%s: %v, want %q", name, err, s)
			}
		}
	}
	if _, err := token.New(token.Config{DashboardKey: long}); err != nil {
		t.Error(err)
	}
}

func ExampleVerifier_Verify() {
	v, _ := token.New(token.Config{DashboardKey: []byte(dashboardKey), Now: func() time.Time { return now }})
	claims, err := v.Verify(context.Background(), authsvc.NewToken(jws(dashboardKey, header, payload(""))))
	fmt.Println(claims.Email, claims.UserID, err)
	_, err = v.Verify(context.Background(), authsvc.NewToken(jws(dashboardKey, `{"alg":"none"}`, payload(""))))
	fmt.Println(err)
	// Output:
	// tech@acme.example 7 <nil>
	// TOKEN_ALGORITHM
}
