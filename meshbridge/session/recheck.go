package session

import (
	"context"
	"errors"
	"time"

	"github.com/everydaytech/meshsso/authsvc"
)

// reread takes in a renewal: new claims, and so perhaps other rights.
func (s *Service) reread(ctx context.Context, l *Live) {
	r, err := s.store.byID(ctx, l.id)
	if err != nil {
		return // the next round tries again
	}
	if err := s.over(r); err != nil {
		l.end(AsError(err))
		return
	}
	l.mu.Lock()
	old := l.row
	l.row = r
	l.mu.Unlock()
	if s.judgeAgain(ctx, l) != nil {
		l.mu.Lock()
		l.row.renewedAt = old.renewedAt // and so does this
		l.mu.Unlock()
	}
}

// recheck judges a session anew that was judged half a cache lifetime ago, or by another policy; what cannot be judged for a whole one ends.
func (s *Service) recheck(ctx context.Context, l *Live, now time.Time) {
	l.mu.Lock()
	age := now.Sub(l.checked)
	over := l.err != nil
	l.mu.Unlock()
	if over || (age < s.cfg.Recheck/2 && !l.stale()) {
		return
	}
	if s.judgeAgain(authsvc.ReadSince(ctx, now), l) != nil && age >= s.cfg.Recheck {
		l.end(ErrStore)
		s.tell(l.id)
	}
}

// judgeAgain takes in what the person may do now. Who may do less than before loses the session: what is open in it was opened
// with more. It gives an error if nothing could be judged.
func (s *Service) judgeAgain(ctx context.Context, l *Live) error {
	l.mu.Lock()
	r, before := l.row, l.session.Rights
	l.mu.Unlock()
	sess, id, err := s.judge(ctx, &r)
	if err == nil && lessThan(sess.Rights, before) {
		err = ErrRevoked
	}
	if errors.Is(err, ErrRevoked) {
		s.endNow(ctx, []string{l.id}, EndRevoked, "")
		return nil
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session, l.checked, l.rules = sess, id.ReadAt(), id.RulesVersion
	return nil
}

// closing are the bits of a mask that take something away.
const closing = uint32(256 | 512 | 1024 | 2048 | 4096 | 8192 | 65536)

func lessThan(now, before uint32) bool {
	return before&^closing&^now != 0 || now&closing&^before != 0
}
