package proxy

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

const (
	smallBuffer = 1 << 10
	largeBuffer = 128 << 10
	// lull is after how long without anything to read a large buffer is given back.
	lull = time.Second
	// hold is how long what was read may wait for more that seems to be there.
	hold = 5 * time.Millisecond
)

// errRead says that a peer's half ended.
type errRead struct{ err error }

func (e errRead) Error() string { return e.err.Error() }
func (e errRead) Unwrap() error { return e.err }

var largeBuffers = sync.Pool{New: func() any { return new([largeBuffer]byte) }}

// peer is one end of a tunnel. It is read by one goroutine and written by one; farewell may come from a third.
type peer struct {
	conn  net.Conn
	below *burst // below TLS, nil without
	stall time.Duration
	early []byte // to be read first

	mu     sync.Mutex // of writing
	stream boundary
	sent   int64
	until  time.Time // write deadline
}

// write writes b, and gives a peer that does not read some time.
func (p *peer) write(b []byte) error {
	if len(b) == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); p.until.Sub(now) < p.stall/2 {
		p.until = now.Add(p.stall)
		if err := p.conn.SetWriteDeadline(p.until); err != nil {
			return err
		}
	}
	n, err := p.conn.Write(b)
	p.sent += int64(n)
	p.stream.pass(b[:n])
	if err != nil {
		return fmt.Errorf("writing to a peer: %w", err)
	}
	return nil
}

// farewell says a last thing, if that can be said between two frames, and soon.
func (p *peer) farewell(frame []byte, by time.Time) {
	_ = p.conn.SetWriteDeadline(by) // also of a write under way
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stream.clean() {
		_, _ = p.conn.Write(frame)
	}
}

// each reads and hands over until take fails or the peer ends. What take leaves comes again with more behind it; more must
// then come within partial. An idle peer costs a small buffer, and a large one only while there is much to read.
func (p *peer) each(take func([]byte) (int, error), partial time.Duration) error {
	var small [smallBuffer]byte
	b := reading{small: small[:], below: p.below}
	defer b.release()
	b.fill(p.early)
	p.early = nil
	for {
		if b.have > 0 {
			n, err := take(b.buf()[:b.have])
			if err != nil {
				return err
			}
			b.drop(n)
		}
		if err := p.read(&b, partial); err != nil {
			return err
		}
	}
}

// read reads once, with a deadline where one is needed.
func (p *peer) read(b *reading, partial time.Duration) error {
	for {
		b.grow()
		held := b.have
		if err := p.wait(b, partial); err != nil {
			return errRead{err}
		}
		n, err := p.conn.Read(b.buf()[b.have:])
		b.have += n
		if err == nil && p.below.whole() && b.large != nil {
			err = p.gather(b)
		}
		b.full = b.have == len(b.buf())
		switch {
		case b.have > held:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && b.have == 0 && b.large != nil:
			b.shrink()
		case err != nil:
			return errRead{err}
		}
	}
}

// wait sets how long the next read may take.
func (p *peer) wait(b *reading, partial time.Duration) error {
	var until time.Time
	switch {
	case b.have > 0 && partial > 0:
		until = time.Now().Add(partial)
	case b.large != nil:
		until = time.Now().Add(lull)
	}
	if until.Equal(b.until) || !until.IsZero() && until.Sub(b.until) <= lull/4 {
		return nil
	}
	b.until = until
	return p.conn.SetReadDeadline(until)
}

// gather reads what has come already, so that it goes on in one piece. A record may hold nothing for us, and then reading
// would wait for the next one.
func (p *peer) gather(b *reading) error {
	b.until = time.Now().Add(hold)
	if err := p.conn.SetReadDeadline(b.until); err != nil {
		return err
	}
	for p.below.whole() && len(b.buf())-b.have >= maxRecord {
		n, err := p.conn.Read(b.buf()[b.have:])
		b.have += n
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return nil
}

// reading is what was read and not taken yet.
type reading struct {
	small []byte
	below *burst
	large *[largeBuffer]byte
	have  int
	full  bool      // the last read filled the buffer
	until time.Time // read deadline
}

func (b *reading) buf() []byte {
	if b.large != nil {
		return b.large[:]
	}
	return b.small
}

// grow takes a large buffer when the small one was filled: there is more.
func (b *reading) grow() {
	if !b.full || b.large != nil {
		return
	}
	large := takeLarge()
	copy(large[:], b.small[:b.have])
	b.large, b.full = large, false
	b.below.eager(true)
}

func (b *reading) shrink() {
	b.release()
	b.full = false
}

func (b *reading) release() {
	if b.large != nil {
		largeBuffers.Put(b.large)
		b.large = nil
		b.below.eager(false)
	}
}

// fill puts what came early, at most a handshake's buffer, before everything else.
func (b *reading) fill(early []byte) {
	if len(early) == 0 {
		return
	}
	if len(early) > len(b.small) {
		b.full = true
		b.grow()
	}
	b.have = copy(b.buf(), early)
}

// drop forgets the first n bytes.
func (b *reading) drop(n int) {
	buf := b.buf()
	copy(buf, buf[n:b.have])
	b.have -= n
}
