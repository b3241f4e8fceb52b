package session

import (
	"context"
	"time"
)

// hurry has the next round come at once: a tunnel that opened must count before somebody asks for room.
func (s *Service) hurry() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run keeps this replica's sessions in step with the database until ctx ends; then every Live ends here, and what is pending
// of the audit is written.
func (s *Service) Run(ctx context.Context) {
	poll, clean := time.NewTicker(pollEvery), time.NewTicker(cleanEvery)
	defer poll.Stop()
	defer clean.Stop()
	for {
		select {
		case <-ctx.Done():
			s.stop(context.WithoutCancel(ctx))
			return
		case <-clean.C:
			s.Clean(ctx)
		case <-poll.C:
			s.Round(ctx)
		case <-s.wake:
			s.flush(ctx)
		}
	}
}

// stopWait is how long the end waits for tunnels to say what went through them.
const stopWait = 5 * time.Second

func (s *Service) stop(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	lives := s.live.all()
	for _, l := range lives {
		l.end(ErrStore)
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil && openTunnels(lives) {
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	s.writeAudit(ctx)
	s.told.Wait()
}

func openTunnels(lives []*Live) bool {
	for _, l := range lives {
		l.mu.Lock()
		n := l.tunnels
		l.mu.Unlock()
		if n > 0 {
			return true
		}
	}
	return false
}

// Round is one step of Run: it writes what happened here, reads what happened elsewhere, ends what is over, and judges anew
// whatever was judged half a cache lifetime ago.
func (s *Service) Round(ctx context.Context) {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	s.writeAudit(ctx)
	lives := s.live.all()
	if len(lives) == 0 {
		return
	}
	s.poll(ctx, lives)
	now := s.now()
	s.endLate(ctx, s.live.all(), now)
	for _, l := range s.live.all() {
		s.recheck(ctx, l, now)
	}
}

// endLate ends what has expired or idled out. The table has the last word, because another replica may have renewed or used a
// session a moment ago; while it cannot be asked, what is known here counts.
func (s *Service) endLate(ctx context.Context, lives []*Live, now time.Time) {
	idleSince := now.Add(-s.cfg.Idle)
	late := map[EndReason][]string{}
	for _, l := range lives {
		l.mu.Lock()
		switch {
		case !now.Before(l.row.expiresAt):
			late[EndExpiry] = append(late[EndExpiry], l.id)
		case !l.usedAt().After(idleSince):
			late[EndIdle] = append(late[EndIdle], l.id)
		}
		l.mu.Unlock()
	}
	for reason, ids := range late {
		ended, err := s.store.endLate(ctx, ids, reason, now, idleSince)
		if err != nil {
			ended = ids
		}
		s.endedHere(ended, reason)
	}
}

// write says what happened here, and asks for ids in the same round trip.
func (s *Service) write(ctx context.Context, lives []*Live, now time.Time, ids []string) (map[string]state, error) {
	var touches []touch
	byID := map[string]*Live{}
	for _, l := range lives {
		if t, changed := l.touch(now); changed {
			touches, byID[l.id] = append(touches, t), l
		}
	}
	if len(touches) == 0 && len(ids) == 0 {
		return nil, nil
	}
	states, err := s.store.poll(ctx, touches, ids)
	if err == nil {
		for _, t := range touches {
			byID[t.id].touched(t)
		}
	}
	return states, err
}

// flush is the half of a round that cannot wait.
func (s *Service) flush(ctx context.Context) {
	s.ticking.Lock()
	defer s.ticking.Unlock()
	s.writeAudit(ctx)
	_, _ = s.write(ctx, s.live.all(), s.now(), nil) // logged there; the next round tries again
}

func (s *Service) poll(ctx context.Context, lives []*Live) {
	began := s.now()
	ids := make([]string, len(lives))
	for i, l := range lives {
		ids[i] = l.id
	}
	states, err := s.write(ctx, lives, began, ids)
	if err != nil {
		return // what has not been read for too long is not let in, and ends when its rights are too old
	}
	for _, l := range lives {
		s.heard(ctx, l, states, began)
	}
}

// heard takes in what the table says of one session.
func (s *Service) heard(ctx context.Context, l *Live, states map[string]state, began time.Time) {
	v, there := states[l.id]
	switch {
	case !there:
		if l.end(EndGone.refusal()) {
			l.mu.Lock()
			e := l.event(EventEnded)
			l.mu.Unlock()
			e.Reason = string(EndGone)
			s.pending.add(e)
			s.tell(l.id)
		}
		return
	case v.endedAt != nil:
		s.endedHere([]string{l.id}, v.endReason)
		return
	}
	l.usedSince(v.usedAt)
	l.mu.Lock()
	renewed := !sameTime(l.row.renewedAt, v.renewedAt)
	l.seen = began
	if l.flushed.Before(v.usedAt) {
		l.flushed = v.usedAt
	}
	l.mu.Unlock()
	if renewed {
		s.reread(ctx, l)
	}
}

// check is a round for one session, with what is remembered of its person.
func (s *Service) check(ctx context.Context, l *Live) {
	began := s.now()
	states, err := s.store.poll(ctx, nil, []string{l.id})
	if err != nil {
		return // logged there; the next round asks again
	}
	s.heard(ctx, l, states, began)
	if l.Err() == nil {
		s.endLate(ctx, []*Live{l}, s.now())
	}
	if l.Err() == nil {
		_ = s.judgeAgain(ctx, l) // what cannot be judged now will be
	}
}

func sameTime(a, b *time.Time) bool {
	return a == b || (a != nil && b != nil && a.Equal(*b))
}

// endNow ends sessions here, at once, and in the database. Where that fails others will find out by themselves.
func (s *Service) endNow(ctx context.Context, ids []string, reason EndReason, actor string) {
	if len(ids) == 0 {
		return
	}
	s.endedHere(ids, reason)
	_, _ = s.store.end(context.WithoutCancel(ctx), ids, reason, actor, s.now()) // logged there
}

// endedHere ends what this replica serves of sessions that ended, and tells of them.
func (s *Service) endedHere(ids []string, reason EndReason) {
	for _, id := range ids {
		if l := s.live.named(id); l != nil {
			l.end(reason.refusal())
		}
		s.tell(id)
	}
}

const tellWait = 10 * time.Second

func (s *Service) tell(id string) {
	if s.cfg.Ended == nil {
		return
	}
	s.told.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), tellWait)
		defer cancel()
		s.cfg.Ended(ctx, id)
	})
}

// upToDate makes sure that a session's row was read a moment ago, so that a database that is away lets nothing new in, and that
// it was judged by the policy that holds.
func (s *Service) upToDate(ctx context.Context, l *Live) error {
	if err := s.read(ctx, l); err != nil || !l.stale() {
		return err
	}
	if err := s.judgeAgain(ctx, l); err != nil {
		return err
	}
	return l.Err()
}

// read reads a session's row if it was not read a moment ago.
func (s *Service) read(ctx context.Context, l *Live) error {
	began := s.now()
	l.mu.Lock()
	fresh := began.Sub(l.seen) < trustPolled && began.Before(l.row.expiresAt)
	l.mu.Unlock()
	if fresh {
		return nil
	}
	states, err := s.store.poll(ctx, nil, []string{l.id})
	if err != nil {
		return err
	}
	s.heard(ctx, l, states, began)
	if err := l.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.row
	r.usedAt = l.usedAt()
	return s.over(r)
}

// Clean ends what has expired or idled out on whatever replica, and deletes what ended a while ago.
func (s *Service) Clean(ctx context.Context) {
	now := s.now()
	ended, err := s.store.clean(ctx, now, now.Add(-s.cfg.Idle), now.Add(-keepEnded))
	if err != nil {
		return
	}
	for _, id := range ended {
		s.tell(id)
	}
}
