package proxy

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
)

// Opcodes of RFC 6455, section 5.2.
const (
	opContinuation = 0
	opText         = 1
	opBinary       = 2
	opClose        = 8
	opPing         = 9
	opPong         = 10
)

const maxHeader = 14 // bytes of a frame's header

var errFrame = errors.New("a WebSocket frame that RFC 6455 does not allow")

// header is a frame's.
type header struct {
	fin    bool
	op     byte
	masked bool
	mask   [4]byte
	size   int   // of the header itself
	length int64 // of the payload
}

func (h header) control() bool { return h.op >= opClose }

func (h header) allowed() bool {
	if h.control() {
		return h.op <= opPong && h.fin && h.length <= 125
	}
	return h.op <= opBinary
}

// parseHeader reads the header at the head of b; false if b holds too little of it. Extensions were not agreed on: their bits
// are wrong.
func parseHeader(b []byte) (header, bool, error) {
	if len(b) < 2 {
		return header{}, false, nil
	}
	h := header{fin: b[0]&0x80 != 0, op: b[0] & 0x0f, masked: b[1]&0x80 != 0, size: 2, length: int64(b[1] & 0x7f)}
	if b[0]&0x70 != 0 || !h.allowed() {
		return header{}, false, errFrame
	}
	switch h.length {
	case 126:
		h.size += 2
	case 127:
		h.size += 8
	}
	extended := h.size
	if h.masked {
		h.size += 4
	}
	if len(b) < h.size {
		return header{}, false, nil
	}
	switch extended {
	case 4:
		h.length = int64(binary.BigEndian.Uint16(b[2:]))
	case 10:
		n := binary.BigEndian.Uint64(b[2:])
		if n>>63 != 0 {
			return header{}, false, errFrame
		}
		h.length = int64(n)
	}
	if h.masked {
		copy(h.mask[:], b[extended:])
	}
	return h, true, nil
}

// unmask appends the payload in the clear.
func (h header) unmask(to, payload []byte) []byte {
	from := len(to)
	to = append(to, payload...)
	for i := range payload {
		to[from+i] ^= h.mask[i&3]
	}
	return to
}

// appendFrame appends a whole message, masked as a client's has to be.
func appendFrame(to []byte, op byte, payload []byte) []byte {
	to = append(to, 0x80|op)
	switch n := len(payload); {
	case n < 126:
		to = append(to, 0x80|byte(n))
	case n < 1<<16:
		to = binary.BigEndian.AppendUint16(append(to, 0x80|126), uint16(n))
	default:
		to = binary.BigEndian.AppendUint64(append(to, 0x80|127), uint64(n))
	}
	var mask [4]byte
	binary.BigEndian.PutUint32(mask[:], rand.Uint32()) //nolint:gosec // against caches in between; here TLS is
	to = append(to, mask[:]...)
	return header{mask: mask}.unmask(to, payload)
}

// closeFrame is what a server says at the end.
func closeFrame(code uint16, reason string) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{0x80 | opClose, byte(2 + len(reason))}, code), reason...) //nolint:gosec // reasons are our own and short
}

// boundary follows a stream of frames without keeping it: between two of them something may be said in between.
type boundary struct {
	left   int64 // of the current payload
	head   [maxHeader]byte
	have   int // bytes of a header that is not whole yet
	closed bool
	broken bool
}

// pass follows b.
func (s *boundary) pass(b []byte) {
	for len(b) > 0 && !s.broken {
		if s.left > 0 {
			n := min(s.left, int64(len(b)))
			s.left, b = s.left-n, b[n:]
			continue
		}
		n := copy(s.head[s.have:], b)
		h, whole, err := parseHeader(s.head[:s.have+n])
		switch {
		case err != nil:
			s.broken = true
			return
		case !whole:
			s.have += n
			return
		}
		b = b[h.size-s.have:]
		s.have, s.left = 0, h.length
		s.closed = s.closed || h.op == opClose
	}
}

// clean says whether a frame of our own may follow.
func (s *boundary) clean() bool { return !s.broken && !s.closed && s.left == 0 && s.have == 0 }
