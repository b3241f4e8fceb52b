package session_test

import (
	"fmt"
	"testing"

	"github.com/everydaytech/meshsso/authsvc"
)

// BenchmarkCreate is the service without HTTP; beside it one bare query on the same server.
func BenchmarkCreate(b *testing.B) {
	w := newWorld(b)
	w.db.Exec(b, fmt.Sprintf(`insert into public.users select 1000 + n, 'person' || n || '@acme.example', 'Person ' || n, '%s', 'technician', false, false from generate_series(1, 1000) n;
	  create index on public.users (lower(email::text collate "C")); analyze public.users`, tenantA))
	r := w.replica(b, nil)
	tokens := make([]authsvc.Token, 1000)
	for i := range tokens {
		tokens[i] = w.jwt(dashboardKey, fmt.Sprintf("person%d@acme.example", i+1), tenantA, 1001+i, nil)
	}
	n := 0
	b.Run("query", func(b *testing.B) {
		var v string
		for b.Loop() {
			n++
			if err := w.db.Conn.QueryRow(b.Context(), `select email from meshsso.users where lower(email collate "C") = $1`, fmt.Sprintf("person%d@acme.example", n%1000+1)).Scan(&v); err != nil {
				b.Fatal(err)
			}
		}
	})
	for _, t := range tokens {
		r.create(b, t, "2")
	}
	b.Run("create", func(b *testing.B) {
		for b.Loop() {
			n++
			r.create(b, tokens[n%1000], "2")
		}
	})
}
