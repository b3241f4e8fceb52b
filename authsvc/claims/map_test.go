package claims_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

var builtInPayload = map[string]any{"userId": 7, "email": "Ann@Example.com", "tenantId": tenantA, "role": "technician", "exp": 2000, "iat": 1000}

// Default targets read what the built-in mapping reads, once a rule needs the payload.
func TestMapBuiltInDefaults(t *testing.T) {
	read := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{}}).Mapper("")
	c, err := read(payload(t, builtInPayload))
	if err != nil || c.Email != "ann@example.com" || c.TenantID != tenantA || c.UserID != 7 || c.Role != "technician" || !c.HasRole ||
		c.Mapped.Issuer != nil || c.Mapped.Subject != "7" || c.Mapped.Payload["iat"] != 1000.0 || c.Key != authsvc.KeyNone || !c.ExpiresAt.IsZero() {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, changes := range map[string]map[string]any{
		"no userId": {"userId": nil}, "a string": {"userId": "7"}, "two": {"user_id": 8}, "a fraction": {"userId": 7.5}, "zero": {"userId": 0},
		"negative": {"userId": -7}, "too large": {"userId": 1 << 53}, "no email": {"email": nil}, "a bad email": {"email": "ann"},
		"a list": {"email": []string{"a@b.c"}}, "no tenant": {"tenantId": nil}, "no UUID": {"tenantId": "a"}, "a role that is a list": {"role": []string{"admin"}},
		"iss": {"iss": 1}, "sub": {"sub": 7}, "jti": {"jti": true}, "aud": {"aud": 3}, "auds": {"aud": []any{"a", 1}},
	} {
		_, err := read(payload(t, with(builtInPayload, changes)))
		if authsvc.ReasonOf(err) != authsvc.TokenClaims {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{
		"", "null", "[]", "{", `{"a":1,"a":2}`, `{"a":{"b":1,"b":1}}`, `{} {}`, "{\"a\":\"\xff\"}", `{"a":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`,
		`{"a":"` + strings.Repeat("x", 7000) + `"}`,
	} {
		if _, err := read([]byte(text)); authsvc.ReasonOf(err) != authsvc.TokenMalformed {
			t.Errorf("%.40q: %v", text, err)
		}
	}
	for _, number := range []string{"7.0", "7e0", "70e-1"} {
		text := strings.Replace(string(payload(t, builtInPayload)), `"userId":7`, `"userId":`+number, 1)
		if _, err := read([]byte(text)); authsvc.ReasonOf(err) != authsvc.TokenClaims {
			t.Errorf("userId %s: %v", number, err)
		}
	}
}

func TestMapBuiltInTargets(t *testing.T) {
	read := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{
		Subject: claim("uid"), Email: claim("mail"), Tenant: expr("claims['https://x.example/org'].id"), Roles: claim("role"),
	}}).Mapper("")
	base := map[string]any{"uid": "7", "mail": "a@b.c", "https://x.example/org": map[string]any{"id": tenantA}, "role": []string{"admin"}}
	for _, uid := range []any{"7", 7} {
		c, err := read(payload(t, with(base, map[string]any{"uid": uid})))
		if err != nil || c.UserID != 7 || c.Email != "a@b.c" || c.TenantID != tenantA || c.HasRole {
			t.Errorf("uid %v: %+v, %v", uid, c, err)
		}
	}
	for _, uid := range []any{"07", "+7", "7.0", "", "0", "-1", " 7", "9007199254740992", 7.5, true, nil, []any{7}} {
		_, err := read(payload(t, with(base, map[string]any{"uid": uid})))
		if authsvc.ReasonOf(err) != authsvc.TokenClaims {
			t.Errorf("uid %v: %v", uid, err)
		}
	}
	// An expression that yields another type is the token's fault; one that fails is the rule's.
	_, err := read(payload(t, with(base, map[string]any{"https://x.example/org": map[string]any{"id": 1}})))
	wantReason(t, err, authsvc.TokenClaims)
	_, err = read(payload(t, with(base, map[string]any{"https://x.example/org": nil})))
	wantReason(t, err, authsvc.RuleDenied)
	number := policy(t, &config.File{ClaimMappings: &config.ClaimMappings{Subject: expr("claims.uid")}}).Mapper("")
	if c, err := number(payload(t, with(builtInPayload, map[string]any{"uid": 7}))); err != nil || c.UserID != 7 {
		t.Errorf("an expression that yields a number: %+v, %v", c, err)
	}
}

func further(change func(*config.Issuer)) *config.File {
	is := config.Issuer{Name: "idp", Issuer: "https://idp.example", Tenants: []string{tenantA}}
	if change != nil {
		change(&is)
	}
	return &config.File{Issuers: []config.Issuer{is}}
}

var idpPayload = map[string]any{"iss": "https://idp.example", "sub": "auth0|1", "email": "Ann@Example.com", "email_verified": true}

func TestMapFurtherIssuer(t *testing.T) {
	p := policy(t, further(nil))
	c, err := p.Mapper("idp")(payload(t, with(idpPayload, map[string]any{"role": "viewer", "userId": 9, "tenantId": tenantB})))
	if err != nil || c.Email != "ann@example.com" || c.UserID != 0 || c.TenantID != "" || c.HasRole || c.Mapped.Subject != "auth0|1" ||
		c.Mapped.Issuer.Name != "idp" || !c.Mapped.Issuer.Tenants[tenantA] {
		t.Fatalf("%+v, %v", c, err)
	}
	for name, changes := range map[string]map[string]any{
		"unverified": {"email_verified": false}, "no word of it": {"email_verified": nil}, "a string": {"email_verified": "true"},
		"a number": {"email_verified": 1}, "no email": {"email": nil}, "a numeric sub": {"sub": 1}, "a long sub": {"sub": strings.Repeat("x", 257)},
	} {
		_, err := p.Map(context.Background(), "idp", payload(t, with(idpPayload, changes)))
		if authsvc.ReasonOf(err) != authsvc.TokenClaims {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = p.Map(context.Background(), "other", payload(t, idpPayload))
	wantReason(t, err, authsvc.TokenClaims)

	// The mail's proof is wanted with an expression too.
	p = policy(t, further(func(is *config.Issuer) {
		is.ClaimMappings = &config.ClaimMappings{Email: expr("claims.upn"), Tenant: claim("org")}
	}))
	upn := with(idpPayload, map[string]any{"upn": "b@c.d", "org": strings.ToUpper(tenantA)})
	if c, err := p.Map(context.Background(), "idp", payload(t, upn)); err != nil || c.Email != "b@c.d" || c.TenantID != tenantA {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = p.Map(context.Background(), "idp", payload(t, with(upn, map[string]any{"email_verified": nil})))
	wantReason(t, err, authsvc.TokenClaims)
	_, err = p.Map(context.Background(), "idp", payload(t, with(upn, map[string]any{"org": nil})))
	wantReason(t, err, authsvc.TokenClaims)
}

// With a table of subjects the token's e-mail counts for nothing.
func TestMapSubjects(t *testing.T) {
	p := policy(t, further(func(is *config.Issuer) { is.Subjects = map[string]string{"auth0|1": "Boss@Example.com"} }))
	c, err := p.Map(context.Background(), "idp", payload(t, with(idpPayload, map[string]any{"email": "x@y.z", "email_verified": nil})))
	if err != nil || c.Email != "boss@example.com" {
		t.Errorf("%+v, %v", c, err)
	}
	_, err = p.Map(context.Background(), "idp", payload(t, with(idpPayload, map[string]any{"sub": "auth0|2"})))
	wantReason(t, err, authsvc.UserUnknown)
	_, err = p.Map(context.Background(), "idp", payload(t, with(idpPayload, map[string]any{"sub": nil})))
	wantReason(t, err, authsvc.TokenClaims)
}

// A further issuer takes the file's rules and mappings where it has none of its own.
func TestFurtherIssuerInherits(t *testing.T) {
	cfg := further(nil)
	cfg.ClaimMappings = &config.ClaimMappings{Email: claim("mail")}
	cfg.ClaimValidationRules = []config.Rule{{Expression: "issuer == 'idp' && has(claims.amr)", Message: "needs a hardware key"}}
	in := payload(t, with(idpPayload, map[string]any{"mail": "m@n.o", "amr": []string{"hwk"}}))
	if c, err := policy(t, cfg).Map(context.Background(), "idp", in); err != nil || c.Email != "m@n.o" {
		t.Errorf("%+v, %v", c, err)
	}
	_, err := policy(t, cfg).Map(context.Background(), "idp", payload(t, idpPayload))
	wantReason(t, err, authsvc.RuleDenied)
	if want := "RULE_DENIED: claimValidationRules[0]: needs a hardware key"; err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	cfg.Issuers[0].ClaimValidationRules = []config.Rule{{Expression: "true", Message: "m"}}
	cfg.Issuers[0].ClaimMappings = &config.ClaimMappings{}
	if c, err := policy(t, cfg).Map(context.Background(), "idp", payload(t, idpPayload)); err != nil || c.Email != "ann@example.com" {
		t.Errorf("%+v, %v", c, err)
	}
}

// What goes wrong in a rule denies, its cost bounded and the token's content untold.
func TestRulesFailClosed(t *testing.T) {
	refused := 0
	for name, source := range map[string]string{
		"no such claim":   "claims.nothing.at == 'all'",
		"another type":    "claims.email",
		"divided by zero": "1 / int(claims.zero) == 1",
		"null":            "claims.none",
		"the token's key": "claims[claims.email] == 1",
		"too costly":      "claims.list.exists(x, claims.long.contains('zzzzzzzzzzzzzzzzzzzzz'))",
		"loops in loops":  "claims.list.exists(x, claims.list.filter(y, y == x).size() > 5 && x == 'z')",
		"explodes":        "claims.list.map(x, claims.long).map(x, x.replace('', claims.long)).size() == 0",
		"joins":           "claims.list.map(x, claims.list.join(claims.long)).join(claims.long) == ''",
	} {
		cfg := &config.File{ClaimValidationRules: []config.Rule{{Expression: source, Message: "the message"}}}
		p, err := claims.New(cfg, vocab)
		if err != nil {
			if !strings.Contains(err.Error(), "could cost too much") {
				t.Errorf("%s: %v", name, err)
			}
			refused++
			continue // as good
		}
		var list []string
		for range 900 {
			list = append(list, "a")
		}
		in := payload(t, with(builtInPayload, map[string]any{"email": "secret@b.c", "zero": 0, "none": nil, "list": list, "long": strings.Repeat("x", 1000)}))
		_, err = p.Mapper("")(in)
		if authsvc.ReasonOf(err) != authsvc.RuleDenied || !strings.Contains(err.Error(), "claimValidationRules[0]") ||
			!strings.Contains(err.Error(), "the message") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if got := strings.Contains(err.Error(), "costs more than it may"); got != (name == "too costly") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if refused != 3 {
		t.Errorf("%d are refused at load", refused)
	}
}

// Rules that each keep within their bound are ended once they cost too much together.
func TestRulesShareABudget(t *testing.T) {
	var list []string
	for range 900 {
		list = append(list, "a")
	}
	in := payload(t, with(builtInPayload, map[string]any{"list": list, "long": strings.Repeat("x", 1000)}))
	for n, want := range map[int]authsvc.Reason{3: "", 60: authsvc.RuleDenied} {
		rules := slices.Repeat([]config.Rule{{Expression: "!claims.list.exists(x, claims.long.contains('zzzz'))", Message: "m"}}, n)
		_, err := policy(t, &config.File{ClaimValidationRules: rules}).Mapper("")(in)
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), "together")) {
			t.Errorf("%d rules: %v", n, err)
		}
	}
}

// The context's end is no verdict.
func TestMapEndsWithItsContext(t *testing.T) {
	p := policy(t, &config.File{ClaimValidationRules: []config.Rule{{Expression: "claims.list.all(x, x.size() == 1)", Message: "m"}}})
	var list []string
	for range 1000 {
		list = append(list, "a")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := p.Map(ctx, "", payload(t, with(builtInPayload, map[string]any{"list": list})))
	wantReason(t, err, "")
}
