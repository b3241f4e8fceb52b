package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/everydaytech/meshsso/authsvc"
	"github.com/everydaytech/meshsso/authsvc/directory"
	"github.com/everydaytech/meshsso/meshbridge"
)

type migrateDevicesCmd struct {
	DryRun  bool   `help:"Needed: there is nothing but a dry run."`
	Devices string `placeholder:"FILE" help:"What meshctrl.js ListDevices --json prints, or - for standard input."`
	JSON    bool   `name:"json" help:"Print JSON instead of tables."`
}

const listCommand = "node node_modules/meshcentral/meshctrl.js ListDevices --json --url wss://mesh.example.com --loginuser USER --loginpass PASSWORD"

// Help teaches the whole way; kong prints it.
func (migrateDevicesCmd) Help() string {
	return `MESHSSO_DEVICE_RIGHTS=group keeps each tenant's device group in MeshCentral in step with the database: the shim moves devices into it by itself, and devices of those groups that belong to no tenant into a lobby that nobody is linked to. Your own device groups are left alone. This command shows beforehand what would move. It reads the database and a list of MeshCentral's devices, and changes nothing in either.

In the folder where MeshCentral is installed:

  node node_modules/meshcentral/meshctrl.js ListDevices --json \
    --url wss://mesh.example.com --loginuser USER --loginpass PASSWORD |
    meshsso migrate devices --dry-run --devices -

USER and PASSWORD are best those of a login token that lasts an hour (My Account, Create login token): every user of a machine can read its command lines. One list is one MeshCentral domain; another one has another --url.

The list must be whole. The account needs to see every device group: a site administrator sees those of others only if he is in settings.manageAllDeviceGroups of config.json. And maxDeviceView cuts lists: take it out for as long as this takes.

Kinds: "move" goes to its tenant's device group, "stay" is there already, "lobby" belongs to no tenant (no row, rows of several tenants, another domain), "absent" is a row without a device in the list. docs/device-rights.md says more.`
}

const (
	devicesTimeout = 5 * time.Minute
	devicesQuery   = time.Minute
)

// Run shows what MESHSSO_DEVICE_RIGHTS=group would move.
func (c migrateDevicesCmd) Run(ctx context.Context, e env) error {
	if !c.DryRun {
		return errors.New("this command only shows, with --dry-run: once MESHSSO_DEVICE_RIGHTS=group is set, the shim moves devices by itself")
	}
	list, err := c.readList(e)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, devicesTimeout)
	defer cancel()
	set, tenants, err := readDevices(ctx, e)
	if err != nil {
		return err
	}
	moves := meshbridge.PlanMoves(list, set, tenants)
	if c.JSON {
		return printMovesJSON(e.stdout, list, moves)
	}
	return printMoves(e.stdout, list, moves)
}

func (c migrateDevicesCmd) readList(e env) (meshbridge.DeviceList, error) {
	const hint = "make the list where MeshCentral is installed:\n  " + listCommand + " > devices.json"
	if c.Devices == "" {
		return meshbridge.DeviceList{}, errors.New("--devices is missing: " + hint)
	}
	in := e.stdin
	if c.Devices != "-" {
		f, err := os.Open(c.Devices)
		if err != nil {
			return meshbridge.DeviceList{}, fmt.Errorf("--devices: %w; %s", err, hint)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	list, err := meshbridge.ParseDeviceList(in)
	if err != nil {
		return list, fmt.Errorf("--devices %s: %w; %s", c.Devices, err, hint)
	}
	return list, nil
}

// readDevices reads every tenant's devices over one connection of its own.
func readDevices(ctx context.Context, e env) (*authsvc.DeviceSet, []authsvc.Tenant, error) {
	db, err := readDatabase(e.getenv)
	if err != nil {
		return nil, nil, configError{err}
	}
	cfg, err := db.connConfig()
	if err != nil {
		return nil, nil, configError{err}
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot reach PostgreSQL at %s: %w", db.address(), err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := checkSchema(ctx, conn); err != nil {
		return nil, nil, err
	}
	dir := directory.NewPostgres(conn, devicesQuery, nil)
	set, err := dir.Devices(ctx, authsvc.Scope{All: true})
	if err != nil {
		return nil, nil, err
	}
	tenants, err := dir.Tenants(ctx)
	return set, tenants, err
}
