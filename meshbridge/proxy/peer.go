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
	// lull is after how long without anything to read a large buffer is given back.
	lull = time.Second
)

// errRead says that a peer's half ended.
type errRead struct{ err error }

func (e errRead) Error() string { return e.err.Error() }
func (e errRead) Unwrap() error { return e.err }

var largeBuffers = sync.Pool{New: func() any { return new([copyBuffer]byte) }}

// peer is one end of a tunnel. It is read by one goroutine and written by one; farewell may come from a third.
type peer struct {
	conn  net.Conn
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
	b := reading{small: small[:]}
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
		var until time.Time
		switch {
		case b.have > 0 && partial > 0:
			until = time.Now().Add(partial)
		case b.large != nil:
			until = time.Now().Add(lull)
		}
		if until != b.until && (until.IsZero() || until.Sub(b.until) > lull/4) {
			b.until = until
			if err := p.conn.SetReadDeadline(until); err != nil {
				return errRead{err}
			}
		}
		n, err := p.conn.Read(b.buf()[b.have:])
		b.have += n
		b.full = b.have == len(b.buf())
		switch {
		case n > 0:
			return nil
		case errors.Is(err, os.ErrDeadlineExceeded) && b.have == 0 && b.large != nil:
			b.shrink()
		case err != nil:
			return errRead{err}
		}
	}
}

// reading is what was read and not taken yet.
type reading struct {
	small []byte
	large *[copyBuffer]byte
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
	large, ok := largeBuffers.Get().(*[copyBuffer]byte)
	if !ok {
		large = new([copyBuffer]byte)
	}
	copy(large[:], b.small[:b.have])
	b.large, b.full = large, false
}

func (b *reading) shrink() {
	b.release()
	b.full = false
}

func (b *reading) release() {
	if b.large != nil {
		largeBuffers.Put(b.large)
		b.large = nil
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
