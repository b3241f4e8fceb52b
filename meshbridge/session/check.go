package session

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// CheckStore says what a database user is missing to keep sessions; each sentence names the statement that mends it. The error
// means that the database could not be asked.
func CheckStore(ctx context.Context, conn *pgx.Conn) (faults []string, err error) {
	for _, t := range []struct{ table, rights string }{
		{"public.meshcentral_sessions", "select, insert, update, delete"},
		{"meshsso.audit", "select, insert"},
	} {
		var there, may bool
		err := conn.QueryRow(ctx, `
select to_regclass($1) is not null,
       coalesce((select bool_and(has_table_privilege(to_regclass($1), btrim(r))) from unnest(string_to_array($2, ',')) r), false)`, t.table, t.rights).Scan(&there, &may)
		switch {
		case err != nil:
			return nil, fmt.Errorf("reading the rights on %s: %w", t.table, err)
		case !there:
			faults = append(faults, fmt.Sprintf("table %s is missing; run: meshsso migrate up", t.table))
		case !may:
			faults = append(faults, fmt.Sprintf("table %s: this database user needs more; grant %s on it", t.table, t.rights))
		}
	}
	return faults, nil
}
