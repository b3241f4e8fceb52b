package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	conf "github.com/everydaytech/meshsso/authsvc/config"
	"github.com/everydaytech/meshsso/meshbridge"
)

type claimsCmd struct {
	Explain explainCmd `cmd:"" help:"Show what a token gives and why: each step, each rule, the final MeshCentral user and the rights by name."`
}

type explainCmd struct {
	Token  string `arg:"" optional:"" placeholder:"TOKEN" help:"A token, or - to read it from standard input: a command line can be read by every user of the machine."`
	Verify bool   `help:"Check the token's signature, times, iss and aud as well, with the secrets of serve (JWT_SECRET and those that meshsso.yaml names) and the issuers' keys."`
	Claims string `placeholder:"FILE" help:"Instead of a token: its payload, one JSON object."`
	User   string `placeholder:"FILE" help:"The person's row and devices as JSON, instead of the database's."`
	Config string `env:"MESHSSO_CONFIG" placeholder:"FILE" help:"meshsso.yaml. Default: the built-in policy."`
	Issuer string `placeholder:"NAME" help:"Of which issuer of meshsso.yaml; built-in is the one of JWT_SECRET. Default: whose iss it is."`
	Agent  bool   `help:"As if AGENT_SIGN_KEY had signed it (built-in issuer)."`
	JSON   bool   `name:"json" help:"Print one JSON object."`
}

// Help teaches; kong prints it.
func (explainCmd) Help() string {
	return `Without a database, all from files:

  meshsso claims explain --config meshsso.yaml --claims claims.json --user row.json

where row.json is such as

  {"id": 7, "email": "ann@acme.example", "fullName": "Ann", "role": "technician",
   "tenantId": "11111111-1111-4111-8111-111111111111", "grants": [{"agentId": 2, "role": "viewer"}],
   "devices": [{"id": 1, "hostname": "alpha", "platform": "windows"}, {"id": 2, "hostname": "bravo"}]}

With the database of meshsso serve (its variables in the environment):

  meshsso claims explain --config meshsso.yaml - < token.txt

The exit code is 0 whether the person is let in or denied. docs/claims-mapping.md says more.`
}

const builtInIssuer = "built-in"

// Run explains one token.
func (c explainCmd) Run(ctx context.Context, e env) error {
	var file *conf.File
	if c.Config != "" {
		var err error
		if file, err = conf.Load(c.Config); err != nil {
			return configError{err}
		}
	}
	policy, err := newPolicy(file)
	if err != nil {
		return configError{placed(file, c.Config, err)}
	}
	said, err := c.readPayload(e)
	if err != nil {
		return err
	}
	issuer, err := c.chooseIssuer(file, said.payload)
	if err != nil {
		return err
	}
	verify, end, err := c.verifier(e)
	if err != nil {
		return err
	}
	defer end()
	return c.withDirectory(ctx, e, func(dir authsvc.Directory) error {
		signed := signedPayload{issuer: issuer.name, key: issuer.key, payload: said.payload, text: said.text}
		x := explain(ctx, policy, dir, verify, signed)
		if c.JSON {
			enc := json.NewEncoder(e.stdout)
			enc.SetEscapeHTML(false)
			enc.SetIndent("", "  ")
			return enc.Encode(x)
		}
		return x.print(e.stdout)
	})
}

// signedPayload is a payload and whose signature counts as checked.
type signedPayload struct {
	issuer  string // "" is the built-in one
	key     authsvc.KeyID
	payload []byte
	text    string // of the whole token, if there is one
}

// explanation is what came of a token.
type explanation struct {
	Allowed bool           `json:"allowed"`
	Reason  authsvc.Reason `json:"reason,omitempty"`
	Detail  string         `json:"detail,omitempty"`
	Issuer  string         `json:"issuer"`
	// Verified says that signature and times were checked besides.
	Verified bool            `json:"verified"`
	Steps    []explainedStep `json:"steps"`
	User     *explainedUser  `json:"user,omitempty"`
	Devices  []reached       `json:"devices,omitempty"`
}

type explainedStep struct {
	Stage   string `json:"stage"`
	Rule    string `json:"rule,omitempty"`
	Source  string `json:"source,omitempty"`
	Value   any    `json:"value,omitempty"`
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"`
}

// explainedUser is the person as MeshCentral gets to see him.
type explainedUser struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Email        string   `json:"email"`
	TenantID     string   `json:"tenantId,omitempty"`
	UserID       int64    `json:"userId"`
	Role         string   `json:"role"`
	Rank         string   `json:"rank"`
	SiteRights   []string `json:"siteRights"`
	DeviceRights []string `json:"deviceRights"` // of the role; on single devices see Devices
}

type reached struct {
	ID       int64    `json:"id"`
	Hostname string   `json:"hostname,omitempty"`
	Rights   []string `json:"rights"`
}

// Stages of the domain, between those of claims.
const (
	stageToken  = "token"  // its signature, times, iss and aud
	stageLookUp = "lookUp" // the row by its e-mail
	stageRow    = "row"    // what token and row must agree in
	stageFloor  = "floor"  // what no rule crosses
)

// explain goes the way of a validation; without a verifier, save for the token's signature and times.
func explain(ctx context.Context, policy *claims.Policy, dir authsvc.Directory, verify authsvc.Verifier, token signedPayload) *explanation {
	x := &explanation{Issuer: firstOf(token.issuer, builtInIssuer), Steps: []explainedStep{}}
	if verify != nil {
		key, err := verified(ctx, verify, policy, token)
		if err != nil {
			x.Steps = append(x.Steps, explainedStep{Stage: stageToken, Message: err.Error()})
			return x.denied(err)
		}
		x.Verified, token.key = true, key
		x.Steps = append(x.Steps, explainedStep{Stage: stageToken, OK: true})
	}
	ctx = claims.WithTrace(ctx, func(s claims.Step) { x.add(s) })
	c, err := policy.Map(ctx, token.issuer, token.payload)
	if err != nil {
		return x.denied(err)
	}
	c.Key = token.key
	people := &observed{Directory: dir, x: x}
	service := authsvc.Service{Users: people, Tenants: people, Devices: people, Roles: &observedRule{RoleRule: policy, x: x}, Version: policy.Version()}
	id, err := service.Identify(ctx, c)
	if err != nil {
		return x.denied(err)
	}
	log := slog.New(slog.DiscardHandler)
	resp, err := meshbridge.New(meshbridge.Config{Groups: 1, Log: log}, dir).MapUser(ctx, id, "")
	if err != nil {
		return x.denied(err)
	}
	x.Allowed, x.User = true, userOf(id, resp.GetUser())
	for _, a := range meshbridge.AllAccess(id) {
		x.Devices = append(x.Devices, reached{ID: a.Device.AgentID, Hostname: a.Device.Hostname, Rights: meshbridge.RightsOf(a.Rights)})
	}
	return x
}

func (x *explanation) add(s claims.Step) {
	x.Steps = append(x.Steps, explainedStep{Stage: s.Stage, Rule: s.Rule, Source: s.Source, Value: plain(s.Value), OK: s.OK, Message: s.Message})
}

// plain gives a step's value names as in meshsso.yaml.
func plain(v any) any {
	type role struct {
		Role         string   `json:"role"`
		Rank         string   `json:"rank,omitempty"`
		Name         string   `json:"name,omitempty"`
		Groups       []string `json:"groups,omitempty"`
		DeviceRights []string `json:"deviceRights"`
		SiteRights   []string `json:"siteRights"`
	}
	list := func(names []string) []string { return append([]string{}, names...) }
	switch v := v.(type) {
	case *authsvc.Profile:
		if v == nil {
			return nil
		}
		return role{Role: v.Name, Rank: v.Rank.String(), DeviceRights: list(v.DeviceRights), SiteRights: list(v.SiteRights)}
	case claims.Draft:
		return role{Role: v.Role, Name: v.Name, Groups: v.Groups, DeviceRights: list(v.DeviceRights), SiteRights: list(v.SiteRights)}
	}
	return v
}

// denied ends the way. A step that has failed says why already; one that nobody took is added.
func (x *explanation) denied(err error) *explanation {
	x.Reason = authsvc.ReasonOf(err)
	if e, ok := errors.AsType[*authsvc.Error](err); ok {
		x.Detail = e.Detail
	} else {
		x.Detail = err.Error()
	}
	if n := len(x.Steps); n == 0 || x.Steps[n-1].OK {
		x.Steps = append(x.Steps, explainedStep{Stage: x.next(), Message: firstOf(x.Detail, string(x.Reason))})
	}
	return x
}

// next is the domain's stage that comes after what was done.
func (x *explanation) next() string {
	for i := len(x.Steps) - 1; i >= 0; i-- {
		switch x.Steps[i].Stage {
		case stageRow:
			return stageFloor
		case stageLookUp:
			return stageRow
		}
	}
	return stageLookUp
}

// observed reports the look-up.
type observed struct {
	authsvc.Directory
	x *explanation
}

func (o *observed) FindUsers(ctx context.Context, email string) ([]authsvc.User, error) {
	rows, err := o.Directory.FindUsers(ctx, email)
	step := explainedStep{Stage: stageLookUp, Source: email, Value: len(rows), OK: err == nil && len(rows) == 1}
	if !step.OK {
		step.Message = fmt.Sprintf("%d rows have this e-mail", len(rows))
	}
	o.x.Steps = append(o.x.Steps, step)
	return rows, err
}

// observedRule reports that row and token agree: else nobody would ask it.
type observedRule struct {
	authsvc.RoleRule
	x *explanation
}

func (o *observedRule) Decide(ctx context.Context, user authsvc.User, c authsvc.Claims) (authsvc.Decision, error) {
	o.x.Steps = append(o.x.Steps, explainedStep{Stage: stageRow, OK: true})
	return o.RoleRule.Decide(ctx, user, c)
}
