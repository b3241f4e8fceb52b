package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// ErrSchema means that the database answers and is not what this build needs; the text says what to do.
var ErrSchema = errors.New("the database does not fit")

type column struct{ name, typ string }

// contract is the database contract: every view with its columns and their types, exactly.
var contract = []struct {
	view    string
	columns []column
}{
	{"users", []column{
		{"user_id", "bigint"}, {"email", "text"}, {"full_name", "text"}, {"tenant_id", "uuid"},
		{"role", "text"}, {"is_superadmin", "boolean"}, {"disabled", "boolean"},
	}},
	{"tenants", []column{{"tenant_id", "uuid"}, {"name", "text"}}},
	{"agents", []column{
		{"agent_id", "bigint"}, {"uuid", "text"}, {"hostname", "text"},
		{"platform", "text"}, {"tenant_id", "uuid"}, {"node_id", "text"},
	}},
	{"device_links", []column{{"user_id", "bigint"}, {"agent_id", "bigint"}, {"role", "text"}}},
}

const migrateCommand = "run: meshsso migrate up"

// CheckSchema compares the database with the contract. An error that is ErrSchema lists every difference; any other means
// that the database could not be asked.
func CheckSchema(ctx context.Context, conn *pgx.Conn, needVersion int64) error {
	if err := checkVersion(ctx, conn, needVersion); err != nil {
		return err
	}
	var faults []string
	for _, c := range contract {
		f, err := checkView(ctx, conn, c.view, c.columns)
		if err != nil {
			return err
		}
		faults = append(faults, f...)
	}
	if len(faults) > 0 {
		return fmt.Errorf("%w:\n  %s", ErrSchema, strings.Join(faults, "\n  "))
	}
	return nil
}

func checkVersion(ctx context.Context, conn *pgx.Conn, need int64) error {
	var have int64
	err := conn.QueryRow(ctx, `select coalesce(max(version_id), 0) from meshsso.schema_version where is_applied`).Scan(&have)
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch pg.Code {
		case "3F000", "42P01": // no schema, no table
			return fmt.Errorf("%w: it has no schema meshsso yet; %s", ErrSchema, migrateCommand)
		case "42501": // insufficient privilege
			return fmt.Errorf("%w: this database user may not read schema meshsso: grant usage on the schema and select on its views and on meshsso.schema_version", ErrSchema)
		}
	}
	if err != nil {
		return fmt.Errorf("reading the schema's version: %w", err)
	}
	if have < need {
		return fmt.Errorf("%w: schema meshsso has version %d and this build needs %d; %s", ErrSchema, have, need, migrateCommand)
	}
	return nil
}

func checkView(ctx context.Context, conn *pgx.Conn, view string, want []column) ([]string, error) {
	have, readable, err := columnsOf(ctx, conn, view)
	if err != nil {
		return nil, err
	}
	if len(have) == 0 {
		return []string{fmt.Sprintf("view meshsso.%s is missing; %s", view, migrateCommand)}, nil
	}
	var faults []string
	if !readable {
		faults = append(faults, fmt.Sprintf("view meshsso.%s: this database user may not read it; grant select on it", view))
	}
	for _, c := range want {
		switch typ, ok := have[c.name]; {
		case !ok:
			faults = append(faults, fmt.Sprintf("view meshsso.%s: column %s is missing; it must be %s", view, c.name, c.typ))
		case typ != c.typ:
			faults = append(faults, fmt.Sprintf("view meshsso.%s: column %s is %s and must be %s; redefine the view with a cast", view, c.name, typ, c.typ))
		}
	}
	return faults, nil
}

func columnsOf(ctx context.Context, conn *pgx.Conn, view string) (columns map[string]string, readable bool, err error) {
	rows, err := conn.Query(ctx, `
select a.attname, format_type(a.atttypid, a.atttypmod), has_table_privilege(c.oid, 'select')
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
 where n.nspname = 'meshsso' and c.relname = $1 and a.attnum > 0 and not a.attisdropped`, view)
	if err != nil {
		return nil, false, fmt.Errorf("reading the columns of meshsso.%s: %w", view, err)
	}
	columns = map[string]string{}
	var name, typ string
	_, err = pgx.ForEachRow(rows, []any{&name, &typ, &readable}, func() error {
		columns[name] = typ
		return nil
	})
	if err != nil {
		return nil, false, fmt.Errorf("reading the columns of meshsso.%s: %w", view, err)
	}
	return columns, readable, nil
}
