// Package policy is one reviewed table of everything that a person of ours may send to MeshCentral: frames on the control
// channel, tunnels to devices, HTTP requests. What it does not name is refused. It states; the shim evaluates.
//
// Reviewed in MeshCentral 1.1.51 and 1.1.55, pages default and default3, what each handler does with each field. Both
// versions know the same actions, both pages of both send the same frames and tunnels and ask for the same paths; 1.1.55
// differs in `logout`, to which it hands the URL's key. Nothing that is allowed here may reach another device or person, mint
// access, outlive the session or throw inside a handler: MeshCentral has no handler for uncaught exceptions, so that one
// field of a wrong type can end the server for everybody.
package policy

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// ReviewedVersions are the MeshCentral versions that the table was reviewed for.
func ReviewedVersions() []string { return []string{"1.1.51", "1.1.55"} }

// Table is the policy, built. Safe for concurrent use: nothing in it changes.
type Table struct {
	policy *pb.Policy
	kinds  map[string]bool
}

// Policy gives the policy. It is shared: never change it.
func (t *Table) Policy() *pb.Policy { return t.policy }

// KnownKind says whether a refusal's kind is one of the finitely many names that the policy or MeshCentral has: an action, a
// path, the name of a field or argument, "action.field", "path.argument", "msg.<type>" or a kind of tunnel.
func (t *Table) KnownKind(kind string) bool { return t.kinds[kind] }

// Build makes the table. right gives the bit of a device right by name (meshbridge/rights.go).
// Errors: a right that has no name; a rule that names a device and neither states a need nor says that seeing it is enough.
func Build(right func(name string) (mask uint32, ok bool)) (*Table, error) {
	b := builder{right: right}
	p := &pb.Policy{ReviewedVersions: ReviewedVersions()}
	for _, f := range frames() {
		p.Frames = append(p.Frames, &pb.FrameRule{
			Action: f.action, Fields: f.fields, SiteAdmin: f.siteAdmin, Need: b.need("frame "+f.action, f.fields, f.need, f.see),
		})
	}
	for _, r := range requests() {
		p.Requests = append(p.Requests, &pb.RequestRule{
			Path: r.path, Methods: r.methods, Arguments: r.args, SiteAdmin: r.siteAdmin, NeedEverywhere: r.everywhere,
			Need: b.need("request "+r.path, r.args, r.need, r.see),
		})
	}
	for _, t := range tunnels() {
		p.Tunnels = append(p.Tunnels, &pb.TunnelRule{Protocol: t.protocol, Kind: t.kind, Need: b.mask("tunnel "+t.kind, t.need)})
	}
	version, err := versionOf(p)
	if err := errors.Join(append(b.errs, err)...); err != nil {
		return nil, err
	}
	p.Version = version
	return &Table{policy: p, kinds: kindsOf(p)}, nil
}

type builder struct {
	right func(string) (uint32, bool)
	errs  []error
}

func (b *builder) fail(where, what string) {
	b.errs = append(b.errs, fmt.Errorf("%s: %s", where, what))
}

// need checks that a rule says what it asks of the devices that it names.
func (b *builder) need(where string, fields []*pb.Field, n need, see bool) *pb.Need {
	named := false
	for _, f := range fields {
		named = named || namesDevice(f.GetType())
	}
	switch stated := n.all != nil || n.none != nil; {
	case see && stated:
		b.fail(where, "states a need and that seeing is enough")
	case see && !named:
		b.fail(where, "says that seeing is enough and names no device")
	case named && !see && !stated:
		b.fail(where, "names a device and states no need")
	case !stated:
		return nil
	}
	return b.mask(where, n)
}

func (b *builder) mask(where string, n need) *pb.Need {
	sum := func(names rights) uint32 {
		var mask uint32
		for _, name := range names {
			bit, ok := b.right(name)
			if !ok {
				b.fail(where, "no right is called "+name)
			}
			mask |= bit
		}
		return mask
	}
	if n.all == nil && n.none == nil {
		return nil
	}
	return &pb.Need{All: sum(n.all), None: sum(n.none)}
}

// versionOf hashes the content.
func versionOf(p *pb.Policy) (string, error) {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return "", fmt.Errorf("hashing the policy: %w", err)
	}
	sum := sha256.Sum256(data)
	return base64.RawURLEncoding.EncodeToString(sum[:12]), nil
}
