package jwks_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/everydaytech/meshsso/authsvc/jwks"
)

func TestKeysOutliveTheProviderForAWhile(t *testing.T) {
	for name, fail := range map[string]func(*provider){
		"down":      func(p *provider) { p.err = errors.New("refused") },
		"garbage":   func(p *provider) { p.text = `<html>` },
		"empty":     func(p *provider) { p.text = `{"keys":[]}` },
		"private":   func(p *provider) { p.text = set(named("2") + `,"d":"x"`) },
		"too many":  func(p *provider) { p.text = `{"keys":[` + strings.Repeat(`{},`, 64) + `{}]}` },
		"hanging":   func(p *provider) { p.gate = make(chan struct{}) },
		"other use": func(p *provider) { p.text = set(named("1") + `,"use":"enc"`) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := publishing("1")
				s := source(t, p, func(c *jwks.Config) { c.KeepFor = time.Hour })
				run(t, s)
				began := time.Now()
				p.set(func() { fail(p) })
				time.Sleep(time.Hour)
				has(t, s, "1", true)
				if st := s.Stats(); st.Keys != 1 || st.Faults == 0 || st.Fault == "" || !st.LastSuccess.Equal(began) {
					t.Errorf("%+v", st)
				}
				time.Sleep(time.Nanosecond)
				has(t, s, "1", false)
				has(t, s, "", false)
				if st := s.Stats(); st.Keys != 0 {
					t.Errorf("%+v", st)
				}
				p.set(func() { p.gate = nil })
				p.publish("1")
				time.Sleep(jwks.DefaultRefresh * 11 / 10)
				has(t, s, "1", true)
				if st := s.Stats(); st.Keys != 1 || st.Fault != "" {
					t.Errorf("%+v", st)
				}
			})
		})
	}
}

func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &provider{err: errors.New("refused")}
		s := source(t, p, func(c *jwks.Config) { c.Refresh = time.Minute })
		run(t, s)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		p.mu.Lock()
		defer p.mu.Unlock()
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60, 60} {
			got := p.at[i+1].Sub(p.at[i])
			if got < want*time.Second*9/10 || got > want*time.Second*11/10 {
				t.Errorf("pause %d is %s", i, got)
			}
		}
	})
}

func TestTheSameTroubleIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		p := &provider{err: errors.New("refused")}
		s := source(t, p, func(c *jwks.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		stop := run(t, s)
		time.Sleep(time.Hour)
		p.publish("1")
		time.Sleep(time.Hour)
		p.set(func() { p.gate = make(chan struct{}) })
		go func() { _ = s.Refresh(context.Background()) }()
		synctest.Wait()
		stop() // in the midst of a fetch, which is no trouble
		if out := log.String(); strings.Count(out, "cannot be had") != 1 || strings.Count(out, "can be had again") != 1 || strings.Count(out, "\n") != 2 {
			t.Error(out)
		}
	})
}

func TestInherit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := source(t, publishing("1"))
		if err := old.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		down := &provider{err: errors.New("refused")}
		same := source(t, down, func(c *jwks.Config) { c.KeepFor = time.Hour })
		same.Inherit(old)
		has(t, same, "1", true)
		time.Sleep(time.Hour + 1)
		has(t, same, "1", false)
		for name, change := range map[string]func(*jwks.Config){
			"place": func(c *jwks.Config) { c.File = "elsewhere" }, "algorithms": func(c *jwks.Config) { c.Algorithms = []string{"EdDSA"} },
		} {
			other := source(t, down, change)
			other.Inherit(old)
			if other.Stats().Keys != 0 {
				t.Errorf("another %s", name)
			}
		}
	})
}
