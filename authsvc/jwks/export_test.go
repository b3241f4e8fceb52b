package jwks

import (
	"context"

	"github.com/everydaytech/meshsso/authsvc"
)

// NewFetching makes a source with a fetch of its own.
func NewFetching(cfg Config, fetch func(context.Context) ([]byte, error)) (*Source, error) {
	cfg.setDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	return newSource(cfg, fetch), nil
}

// Parse gives the ids of the keys that a document holds for us, and how many were passed over.
func Parse(data []byte, algorithms []string) (ids []string, skipped int, err error) {
	doc, err := parse(data, algorithms)
	for _, k := range doc.keys {
		ids = append(ids, k.ID)
	}
	return ids, doc.skipped, err
}

// ParseDocument is parse.
var ParseDocument = parse

// Figures gives what a document holds.
func (d document) Figures() ([]authsvc.PublicKey, int) { return d.keys, d.skipped }
