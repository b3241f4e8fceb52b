// Command mapper is meshsso with one mapper more: without the claim that the file names, a person has no terminal.
package main

import (
	"context"
	"errors"

	"github.com/everydaytech/meshsso/authsvc/claims"
	"github.com/everydaytech/meshsso/program"
)

func init() { claims.Register("trained", newTrained) }

// newTrained reads `config: {claim: NAME}`.
func newTrained(config map[string]any) (claims.Mapper, error) {
	claim, ok := config["claim"].(string)
	if !ok || claim == "" {
		return nil, errors.New("config.claim must name a claim")
	}
	return trained(claim), nil
}

// trained is the name of a claim that must be true.
type trained string

// Map takes the terminal from whom the token does not call trained: a claim that is missing or of another type counts as no.
func (t trained) Map(_ context.Context, c claims.Claims, d *claims.Draft) error {
	if yes, ok := c.Payload[string(t)].(bool); !ok || !yes {
		d.DeviceRights = append(d.DeviceRights, "no-terminal")
	}
	return nil
}

func main() { program.Main() }
