package claims

import (
	"context"
	"errors"
	"slices"

	"github.com/everydaytech/meshsso/authsvc"
)

// goMapper is one of mappers, made.
type goMapper struct {
	place, name string
	mapper      Mapper
}

// runMappers asks every Go mapper, one after the other.
func (d *deciding) runMappers(ctx context.Context) error {
	for _, m := range d.mappers {
		draft := d.draft()
		err := m.run(ctx, d.view(), draft)
		var after Draft
		if err == nil {
			after = draft.clone() // the mapper may have kept it
			err = d.take(&after)
		}
		if traceOf(ctx) != nil {
			s := Step{Stage: StageMapper, Rule: m.place, Source: m.name, OK: err == nil, Message: textOf(err)}
			if err == nil {
				s.Value = *d.draft()
			}
			report(ctx, s)
		}
		if err == nil {
			continue
		}
		if fault, ok := errors.AsType[*floorError](err); ok {
			err = fault // its own words, which hold no value
		} else if ctx.Err() == nil {
			err = errors.New("the mapper failed")
		}
		return denied(ctx, m.place, err)
	}
	return nil
}

// run calls a mapper, which is somebody else's.
func (m *goMapper) run(ctx context.Context, c Claims, draft *Draft) (err error) {
	defer func() {
		if recover() != nil {
			err = &floorError{"the mapper panicked"}
		}
	}()
	return m.mapper.Map(ctx, c, draft)
}

// view is a mapper's own copy of what there is to know.
func (d *deciding) view() Claims {
	c := Claims{Issuer: d.mapping.name, User: rowOf(d.user)}
	if d.claims.Mapped != nil {
		c.Subject, c.Payload = d.claims.Mapped.Subject, copyMap(d.claims.Mapped.Payload)
	}
	return c
}

// floorError is what a mapper did that it may not.
type floorError struct{ text string }

func (e *floorError) Error() string { return e.text }

// take holds a draft to the floor and makes it the result so far.
func (d *deciding) take(after *Draft) error {
	if after.TenantID != d.user.TenantID {
		return &floorError{"the mapper names another tenant"}
	}
	next, err := d.roleOf(after.Role)
	if err != nil {
		return err
	}
	device, site := sorted(after.DeviceRights), sorted(after.SiteRights)
	if len(after.DeviceRights)+len(after.SiteRights) > 2*maxItems || len(after.Groups) > maxItems {
		return &floorError{"the mapper's lists are too long"}
	}
	deviceSame, siteSame := slices.Equal(device, d.role.DeviceRights), slices.Equal(site, d.role.SiteRights)
	if deviceSame {
		device = next.DeviceRights
	} else if slices.ContainsFunc(device, func(r string) bool { return d.vocabulary.checkDevice(r) != nil }) {
		return &floorError{"the mapper gives a device right that is unknown or reserved"}
	}
	super := d.user.IsSuperadmin && next.Rank == authsvc.RoleSuperadmin
	if siteSame {
		site = next.SiteRights
	} else if slices.ContainsFunc(site, func(r string) bool { return d.vocabulary.checkSite(r, super) != nil }) {
		return &floorError{"the mapper gives a site right that is unknown or grants something"}
	}
	if next.Rank < d.role.Rank {
		d.maxRole = min(d.maxRole, next.Rank)
	}
	if !deviceSame || !siteSame {
		next = newRole(next.Name, next.Rank, device, site, next.conditions)
	}
	d.role, d.groups = next, after.Groups
	if d.name = after.Name; !showable(d.name) || d.name == d.user.FullName {
		d.name = ""
	}
	return nil
}

// roleOf gives the role that a draft names: the one so far, or another of at most the row's rank.
func (d *deciding) roleOf(name string) (*role, error) {
	if name == d.role.Name {
		return d.role, nil
	}
	r, ok := d.table.find(name)
	switch {
	case !ok:
		return nil, &floorError{"the mapper names an unknown role"}
	case r.Rank > d.base.Rank:
		return nil, &floorError{"the mapper gives a role above the row's"}
	}
	return r, nil
}
