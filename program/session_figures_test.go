package program

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/internal/testpg"
)

// sessionFigure compares the whole of creating a session, over HTTP on loopback, with one bare pgx query: the person's e-mail
// by e-mail, on a connection of its own. The view is one that asks for no online state: there is no MeshCentral here. The kinds alternate call by call. Each person creates but a few, so that none is at the limit.
func sessionFigure(b *testing.B) figure {
	b.Helper()
	db := seeded(b, testpg.New(b))
	db.Exec(b, fmt.Sprintf(`insert into public.users select 1000 + n, 'person' || n || '@acme.example', 'Person ' || n, '%s', 'technician', false, false from generate_series(1, 1000) n`, tenantA))
	db.Exec(b, `create index on public.users (lower(email::text collate "C")); create index on public.agents (tenant_id); analyze public.users, public.agents`)
	_, base := withProxy(b, db, nil)
	// A connection and nothing else, as the query has: http.Client would hand each call to two goroutines.
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	n := 0
	create := kind{"create_us", func() func() error {
		n++
		who := n%1000 + 1
		token := dashboardToken(fmt.Sprintf("person%d@acme.example", who), tenantA, 1000+who, nil)
		req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, base+"/api/meshcentral/session/2", bytes.NewReader([]byte(`{"viewMode":10}`)))
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		return func() error {
			if err := req.Write(conn); err != nil {
				return err
			}
			resp, err := http.ReadResponse(answers, req)
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
				return errors.Join(err, fmt.Errorf("status %d", resp.StatusCode))
			}
			return nil
		}
	}}
	query := kind{"query_us", func() func() error {
		email, v := fmt.Sprintf("person%d@acme.example", n%1000+1), ""
		return func() error {
			return db.Conn.QueryRow(b.Context(), `select email from meshsso.users where lower(email collate "C") = $1`, email).Scan(&v)
		}
	}}
	kinds := []kind{create, query}
	laps(b, kinds, 1000) // everybody once: the directory's cache is warm
	raw := map[string][]float64{}
	var ratios []float64
	for range rounds {
		lap := laps(b, kinds, coldPerLap)
		for name, v := range lap {
			raw[name] = append(raw[name], v)
		}
		ratios = append(ratios, lap["create_us"]/lap["query_us"])
	}
	return figure{
		Name:  "Creating a session over HTTP (warm directory, audit included) ÷ one bare pgx query (the person's e-mail by e-mail), p50",
		Value: median(ratios), Unit: "ratio of medians", Goal: "creating a session ÷ one bare pgx query, p50: ≤ 6", Spread: spread(ratios),
		Raw: map[string]any{"create_us": raw["create_us"], "query_us": raw["query_us"]},
	}
}

func BenchmarkSessionCreation(b *testing.B) {
	for b.Loop() {
		f := sessionFigure(b)
		b.Logf("%s: %.3f %s (%.3f..%.3f), goal %q", f.Name, f.Value, f.Unit, f.Spread[0], f.Spread[1], f.Goal)
		b.ReportMetric(f.Value, "create/query")
	}
}
