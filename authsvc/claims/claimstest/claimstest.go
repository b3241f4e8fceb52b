// Package claimstest is what every Go mapper of claims must pass: the same input has the same verdict, also from many goroutines;
// the input stays untouched; a claim that is missing or of another type never gives more than the sound one; and a mapper that
// gives more than it may denies, which a mapper should do by an error of its own.
package claimstest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/authsvc/config"
)

// Suite is one mapper with one configuration.
type Suite struct {
	Factory    claims.Factory
	Config     map[string]any // of the mapper in meshsso.yaml
	Vocabulary claims.Vocabulary
	Roles      map[string]config.Role // of meshsso.yaml, if the mapper names any
	// Samples are people with sound tokens, at least one of whom the mapper accepts. Each claim that the mapper reads should be in
	// one of them: what is not in a sample cannot be taken away.
	Samples []Sample
}

// Sample is a person with a token of the built-in issuer.
type Sample struct {
	Name    string
	User    authsvc.User
	Payload map[string]any // as JSON gives it: string, bool, float64, []any, map[string]any, nil
}

// Run reports whatever Check finds.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for _, err := range Check(s) {
		t.Error(err)
	}
}

// Check runs the suite and gives its faults.
func Check(s Suite) []error {
	c := &checking{Suite: s, restricting: map[string]bool{}}
	for _, right := range append(append([]string{}, s.Vocabulary.Restricting...), s.Vocabulary.SiteRights...) {
		c.restricting[right] = true
	}
	var err error
	if c.policy, err = c.newPolicy(); err != nil {
		return []error{err}
	}
	accepted := false
	for _, sample := range s.Samples {
		accepted = c.sample(sample) || accepted
	}
	if !accepted {
		c.fault("", "the mapper accepts no sample: nothing was tested")
	}
	return c.faults
}

const (
	mapperName = "under-test"
	runs       = 20
	maxFaults  = 20
)

type checking struct {
	Suite
	policy      *claims.Policy
	restricting map[string]bool
	mu          sync.Mutex
	faults      []error
}

func (c *checking) fault(sample, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.faults) < maxFaults {
		c.faults = append(c.faults, fmt.Errorf("%s: %s", sample, fmt.Sprintf(format, args...)))
	}
}

func (c *checking) newPolicy() (*claims.Policy, error) {
	cfg := &config.File{Version: 1, Roles: c.Roles, Mappers: []config.Mapper{{Name: mapperName, Config: c.Config}}}
	return claims.New(cfg, c.Vocabulary, claims.WithMapper(mapperName, c.factory))
}

func (c *checking) factory(cfg map[string]any) (claims.Mapper, error) {
	m, err := c.Factory(cfg)
	if err != nil || m == nil {
		return m, err
	}
	return watched{m, c}, nil
}

// watched looks at what a mapper does with its input, and at how it denies.
type watched struct {
	inner claims.Mapper
	c     *checking
}

// errOwn marks the mapper's own denial.
var errOwn = errors.New("the mapper denies")

type ownKey struct{}

func (w watched) Map(ctx context.Context, in claims.Claims, d *claims.Draft) error {
	before := in
	before.Payload, _ = copied(in.Payload).(map[string]any)
	sample, _ := ctx.Value(ownKey{}).(*verdict)
	sample.panicked = true
	err := w.inner.Map(ctx, in, d)
	sample.panicked = false
	if !reflect.DeepEqual(in, before) {
		w.c.fault(sample.name, "the mapper changes its input")
	}
	if err != nil {
		sample.own = true
		return errOwn
	}
	return nil
}

// verdict is what became of one run.
type verdict struct {
	name     string
	own      bool // the mapper denied by itself
	panicked bool
	err      error
	draft    claims.Draft
	decision authsvc.Decision
}

func (c *checking) decide(p *claims.Policy, s Sample, payload map[string]any) *verdict {
	v := &verdict{name: s.Name}
	ctx := claims.WithTrace(context.WithValue(context.Background(), ownKey{}, v), func(step claims.Step) {
		if d, ok := step.Value.(claims.Draft); ok && step.Stage == claims.StageMapper {
			v.draft = d
		}
	})
	token := authsvc.Claims{Key: authsvc.KeyDashboard, UserID: s.User.ID, TenantID: s.User.TenantID, Mapped: &authsvc.Mapped{Payload: payload}}
	v.decision, v.err = p.Decide(ctx, s.User, token)
	switch {
	case v.panicked:
		c.fault(s.Name, "the mapper panics")
	case v.own && authsvc.ReasonOf(v.err) != authsvc.RuleDenied:
		c.fault(s.Name, "the mapper's error does not deny: %v", v.err)
	case !v.own && v.err != nil:
		c.fault(s.Name, "the mapper crosses the floor: %v", v.err)
	}
	return v
}

func (c *checking) sample(s Sample) (accepted bool) {
	sound := c.decide(c.policy, s, s.Payload)
	c.deterministic(s, sound)
	for change, payload := range mutations(s.Payload) {
		got := c.decide(c.policy, s, payload)
		if got.err == nil && sound.err != nil {
			c.fault(s.Name, "accepted with %s, and denied without", change)
		} else if got.err == nil {
			if more := c.more(sound, got); more != "" {
				c.fault(s.Name, "with %s the person gets %s", change, more)
			}
		}
	}
	return sound.err == nil
}

// deterministic runs a sample again, with the same mapper and with others, from several goroutines.
func (c *checking) deterministic(s Sample, want *verdict) {
	var all sync.WaitGroup
	for i := range runs {
		all.Go(func() {
			p := c.policy
			if i%2 == 1 {
				var err error
				if p, err = c.newPolicy(); err != nil {
					c.fault(s.Name, "the factory fails the second time: %v", err)
					return
				}
			}
			got := c.decide(p, s, s.Payload)
			if (got.err == nil) != (want.err == nil) || !reflect.DeepEqual(got.draft, want.draft) {
				c.fault(s.Name, "the mapper is not deterministic")
			}
		})
	}
	all.Wait()
}
