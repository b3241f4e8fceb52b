// Command control stands for one replica of meshsso in e2e/test/control.test.js: it obeys one JSON command a line on stdin
// and answers with one JSON line. MeshCentral, its certificate's pin and the service account come from the environment.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/everydaytech/meshsso/meshbridge/control"
	"github.com/everydaytech/meshsso/meshbridge/session"
	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

// command is one line of stdin.
type command struct {
	ID        int             `json:"id"`
	Do        string          `json:"do"` // check, identify, ended, sweep, online, group, live, devices
	Session   session.Session `json:"session"`
	SessionID string          `json:"sessionId"`
	Tenant    string          `json:"tenant"`
	Name      string          `json:"name"`
	Forwarded string          `json:"forwarded"`
	IDs       []string        `json:"ids"`
}

// replica is everything that a meshsso would wire; the platform's database is two lists.
type replica struct {
	service    *control.ServiceAccount
	pool       *control.Pool
	principals *control.Principals
	groups     control.DeviceGroups

	mu      sync.Mutex
	live    map[string]bool
	devices []string
	made    map[string]string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	up, err := upstream.New(upstream.Config{URL: os.Getenv("MESHCENTRAL_URL"), Pin: os.Getenv("MESHCENTRAL_CERT_PIN")})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	timing := control.Timing{RetryMin: 50 * time.Millisecond, RetryMax: time.Second}
	r := &replica{live: map[string]bool{}, made: map[string]string{}}
	r.service = control.NewServiceAccount(control.ServiceConfig{
		Upstream: up, Username: os.Getenv("MESHCENTRAL_USERNAME"), Password: os.Getenv("MESHCENTRAL_PASSWORD"), Timing: timing, Log: log,
	})
	r.pool = control.NewPool(control.PoolConfig{Upstream: up, Credentials: r.service, Devices: r, Timing: timing, Log: log})
	r.principals = control.NewPrincipals(control.PrincipalConfig{Service: r.service, Live: r, Key: [32]byte{1}, Sweep: time.Hour, Log: log})
	r.groups = control.DeviceGroups{Service: r.service, Store: r}
	var work sync.WaitGroup
	if os.Getenv("SWEEPING") != "" {
		work.Go(func() { r.principals.Run(ctx) })
	}
	err = r.serve(ctx, &work)
	stop()
	r.pool.Close()
	r.service.Close()
	work.Wait()
	return err
}

// serve obeys until stdin ends; commands run side by side.
func (r *replica) serve(ctx context.Context, work *sync.WaitGroup) error {
	var out sync.Mutex
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		work.Go(func() {
			answer, err := r.obey(ctx, c)
			line := map[string]any{"id": c.ID, "answer": answer}
			if err != nil {
				line["error"] = err.Error()
			}
			text, _ := json.Marshal(line)
			out.Lock()
			defer out.Unlock()
			fmt.Println(string(text))
		})
	}
	return lines.Err()
}

func (r *replica) obey(ctx context.Context, c command) (any, error) {
	switch c.Do {
	case "check":
		return nil, r.service.Check(ctx)
	case "identify":
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mesh.invalid/", nil)
		if err != nil {
			return nil, err
		}
		if c.Forwarded != "" {
			req.Header.Set("X-Forwarded-For", c.Forwarded)
		}
		err = r.principals.Identify(ctx, c.Session, req)
		return map[string]string{"cookie": req.Header.Get("Cookie"), "id": r.principals.PrincipalID(c.Session)}, err
	case "ended":
		r.principals.Ended(ctx, c.SessionID)
		return nil, nil
	case "sweep":
		return r.principals.Sweep(ctx)
	case "online":
		return r.pool.OnlineAll(ctx, c.Tenant)
	case "group":
		return r.groups.EnsureDeviceGroup(ctx, c.Tenant, c.Name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.Do {
	case "live":
		r.live = map[string]bool{}
		for _, id := range c.IDs {
			r.live[id] = true
		}
		return nil, nil
	case "devices":
		r.devices = c.IDs
		return nil, nil
	}
	return nil, errors.New("no such command: " + c.Do)
}

// LiveSessions implements control.LiveSessions.
func (r *replica) LiveSessions(_ context.Context, ids []string) (map[string]bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	alive := map[string]bool{}
	for _, id := range ids {
		alive[id] = r.live[id]
	}
	return alive, nil
}

// TenantDevices implements control.TenantDevices.
func (r *replica) TenantDevices(context.Context, string) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices, nil
}

// Get implements control.GroupStore.
func (r *replica) Get(_ context.Context, tenant string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.made[tenant], nil
}

// Put implements control.GroupStore.
func (r *replica) Put(_ context.Context, tenant, id string) (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made[tenant] == "" {
		r.made[tenant] = id
	}
	return r.made[tenant], nil
}
