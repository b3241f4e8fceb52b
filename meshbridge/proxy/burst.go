package proxy

import (
	"encoding/binary"
	"net"
)

const (
	recordHeader = 5
	maxRecord    = 16 << 10 // plain text of one TLS record (RFC 8446, section 5.1)
)

// burst is a connection below TLS that, while there is much to read, reads ahead: TLS by itself asks for each record twice,
// for its header and for its body. Its reader and whole belong to one goroutine.
type burst struct {
	net.Conn
	ahead   bool
	large   *[largeBuffer]byte
	from, n int // large[from:n] was read and not taken
	taken   records
}

// records follows a stream of TLS records.
type records struct {
	left int // of the current body
	head [recordHeader]byte
	have int // bytes of a header that is not whole yet
}

func (r *records) pass(b []byte) {
	for len(b) > 0 {
		if r.left > 0 {
			n := min(r.left, len(b))
			r.left, b = r.left-n, b[n:]
			continue
		}
		n := copy(r.head[r.have:], b)
		r.have, b = r.have+n, b[n:]
		if r.have == recordHeader {
			r.have, r.left = 0, int(binary.BigEndian.Uint16(r.head[3:]))
		}
	}
}

// eager says whether to read ahead. A nil burst has nothing to do.
func (b *burst) eager(ahead bool) {
	if b != nil {
		b.ahead = ahead
		b.release()
	}
}

func (b *burst) release() {
	if !b.ahead && b.large != nil && b.from == b.n {
		largeBuffers.Put(b.large)
		b.large = nil
	}
}

// Read implements net.Conn.
func (b *burst) Read(to []byte) (int, error) {
	if b.from == b.n {
		if b.release(); !b.ahead {
			n, err := b.Conn.Read(to)
			b.taken.pass(to[:n])
			return n, err
		}
		if b.large == nil {
			b.large = takeLarge()
		}
		n, err := b.Conn.Read(b.large[:])
		b.from, b.n = 0, n
		if n == 0 {
			return 0, err
		}
	}
	n := copy(to, b.large[b.from:b.n])
	b.taken.pass(b.large[b.from : b.from+n])
	b.from += n
	return n, nil
}

// whole says whether the record that TLS has to read next has come wholly, so that reading it waits for nothing.
func (b *burst) whole() bool {
	if b == nil || b.from == b.n || b.taken.have > 0 {
		return false
	}
	held := b.n - b.from
	if b.taken.left > 0 {
		return held >= b.taken.left
	}
	return held >= recordHeader && held >= recordHeader+int(binary.BigEndian.Uint16(b.large[b.from+3:]))
}

func takeLarge() *[largeBuffer]byte {
	if large, ok := largeBuffers.Get().(*[largeBuffer]byte); ok {
		return large
	}
	return new([largeBuffer]byte)
}
