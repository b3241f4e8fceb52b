package control

import (
	"context"
	"fmt"
	"strings"
)

// maxSteps bounds the way to a conforming account: make, edit, link, and what another replica did in between.
const maxSteps = 8

// conform makes the account what it must be, one command at a time, and looks at MeshCentral's own word after each. It
// gives the connection that the word came over. Another replica may be doing the same: what is there already is no error.
func (p *Principals) conform(ctx context.Context, w *wish) (epoch uint64, err error) {
	svc := p.cfg.Service
	for range maxSteps {
		c, err := svc.line.get(ctx)
		if err != nil {
			return 0, err
		}
		a, known, relink, epoch := svc.picture.get(w.id)
		site := restrictions(c.user)
		switch {
		case !known:
			err = p.create(ctx, c, w, site)
		case !w.isPlain(a, site):
			err = p.edit(ctx, c, w, site)
		case w.surplus(a) != "":
			err = p.unlink(ctx, c, w, w.surplus(a))
		case relink || !w.isLinked(a):
			err = p.link(ctx, c, w)
		default:
			return epoch, nil
		}
		if err != nil {
			return 0, err
		}
	}
	return 0, fmt.Errorf("%w: the session's account does not stay as it was made", ErrRefused)
}

func (w *wish) isPlain(a account, site int64) bool {
	return a.SiteAdmin.V == site && a.RealName.V == w.realName && a.EmailVerified.V
}

func (w *wish) isLinked(a account) bool { return a.Links.V[w.node].Rights == w.rights }

// surplus gives a link that must not be there.
func (w *wish) surplus(a account) string {
	for id := range a.Links.V {
		if id != w.node {
			return id
		}
	}
	return ""
}

// create makes the account while its session is alive. The session may end in the meantime and find nothing to delete: so
// it is asked after as well as before.
func (p *Principals) create(ctx context.Context, c *conn, w *wish, site int64) error {
	if err := p.checkLive(ctx, w); err != nil {
		return err
	}
	svc := p.cfg.Service
	result, err := svc.do(ctx, c, frame{
		"action": "adduser", "username": w.name, "pass": w.password, "realname": w.realName, "siteadmin": site,
		"emailVerified": true, // counts only where userNameIsEmail makes the name its e-mail
	})
	if err != nil {
		return err
	}
	if result != "ok" && result != "User already exists" {
		return refused("adduser", result)
	}
	if err := p.await(ctx, w, "adduser", func(_ account, known bool) bool { return known }); err != nil {
		return err
	}
	if err := p.checkLive(ctx, w); err != nil {
		_ = svc.forget(context.WithoutCancel(ctx), c, w.id) // else the sweep does it
		return err
	}
	return nil
}

func (p *Principals) checkLive(ctx context.Context, w *wish) error {
	live, err := p.cfg.Live.LiveSessions(ctx, []string{w.session})
	if err != nil {
		return err
	}
	if !live[w.session] {
		return ErrEnded
	}
	return nil
}

// edit sets what adduser cannot: where MeshCentral has a mail server it lets nobody in whose e-mail is not verified, not
// even an account without one.
func (p *Principals) edit(ctx context.Context, c *conn, w *wish, site int64) error {
	f := frame{"action": "edituser", "userid": w.id, "realname": w.realName, "siteadmin": site, "emailVerified": true}
	result, err := p.cfg.Service.do(ctx, c, f)
	if err != nil {
		return err
	}
	if result != "ok" {
		return refused("edituser", result)
	}
	return p.await(ctx, w, "edituser", func(a account, known bool) bool { return !known || w.isPlain(a, site) })
}

// link gives the account its one device with exactly the session's rights. MeshCentral says nothing at all if it does not
// know the device, or if the service account may not manage its users.
func (p *Principals) link(ctx context.Context, c *conn, w *wish) error {
	result, err := p.cfg.Service.do(ctx, c, frame{"action": "adddeviceuser", "nodeid": w.node, "userids": []string{w.id}, "rights": w.rights})
	if err != nil {
		if ctx.Err() == nil && c.ctx.Err() == nil {
			return fmt.Errorf("%w: MeshCentral does not let it link the device: it needs \"manage users\" on every device group", ErrRights)
		}
		return err
	}
	if result != "ok" {
		return refused("adddeviceuser", result)
	}
	if err := p.await(ctx, w, "adddeviceuser", func(a account, known bool) bool { return !known || w.isLinked(a) }); err != nil {
		return err
	}
	p.cfg.Service.picture.linked(w.id)
	return nil
}

// unlink takes another device away. A user or device group (newAccountsUserGroups) is the operator's doing: its account must
// not be used.
func (p *Principals) unlink(ctx context.Context, c *conn, w *wish, id string) error {
	if !strings.HasPrefix(id, "node/") {
		_ = p.cfg.Service.forget(ctx, c, w.id)
		return fmt.Errorf("%w: MeshCentral puts new accounts into groups (newAccountsUserGroups), which would give a session more than its device", ErrRefused)
	}
	f := frame{"action": "adddeviceuser", "nodeid": id, "userids": []string{w.id}, "rights": 0, "remove": true}
	result, err := p.cfg.Service.do(ctx, c, f)
	if err != nil {
		return err
	}
	if result != "ok" {
		return refused("adddeviceuser", result)
	}
	return p.await(ctx, w, "adddeviceuser", func(a account, known bool) bool {
		_, still := a.Links.V[id]
		return !known || !still
	})
}

// await waits for MeshCentral's word that a command did what it should.
func (p *Principals) await(ctx context.Context, w *wish, what string, right func(a account, known bool) bool) error {
	ctx, stop := context.WithTimeout(ctx, p.cfg.Service.cfg.Timing.Request)
	defer stop()
	if err := p.cfg.Service.picture.await(ctx, w.id, right); err != nil {
		return fmt.Errorf("%s had no effect: %w", what, err)
	}
	return nil
}
