// Package migrations holds the numbered SQL of the schema "meshsso", in goose's format.
//
// A file is never changed once released: an operator's database remembers numbers, not texts.
package migrations

import "embed"

// Version is the schema version that this build of the service needs: the number of the last file.
const Version = 4

// FS holds the SQL files at its root, named NNNNN_name.sql.
//
//go:embed *.sql
var FS embed.FS
