package main

import (
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
)

func TestRoughly(t *testing.T) {
	i := start(t, seeded(t, testpg.New(t)), nil)
	resp, reason := i.validate(t, dashboardToken("tech@ACME.example", tenantA, 1, nil))
	t.Log(resp, reason)
	resp, reason = i.validate(t, dashboardToken("root@everyday.example", tenantA, 4, nil))
	t.Log(resp, reason)
	t.Log(i.stop(), i.log)
}
