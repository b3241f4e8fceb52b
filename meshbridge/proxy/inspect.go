package proxy

import (
	"github.com/coder/websocket"
)

// maxRead is the longest message that is read whole: texts, and what a person who may only look sends. The page's own are
// far below.
const maxRead = 64 << 10

// endTunnel is why a tunnel ends, with the close code that the browser gets.
type endTunnel struct {
	code   websocket.StatusCode
	reason string // for the browser: a code of ours or nothing
}

func (e endTunnel) Error() string { return "the tunnel ends: " + e.code.String() }

// inspector reads the browser's half of a tunnel as far as the guard needs. Binary messages pass as they are, in whatever
// pieces they come, masked as the browser masked them.
type inspector struct {
	guard   *guard
	note    func(judged)
	used    func() // something for the device passed
	left    int64  // of a payload that passes
	passing bool   // the message under way passes
	open    byte   // opcode of the message under way, 0 for none
	message []byte // the message under way, if it is read
	closing bool   // the browser said that it ends
}

// feed takes what was read and writes what passes. It gives how much of buf it took: the rest is the head of a frame that
// has to be read whole.
func (in *inspector) feed(buf []byte, write func([]byte) error) (int, error) {
	run, at := 0, 0 // buf[run:at] passes as it is
	flush := func() error {
		from := run
		run = at
		if from == at {
			return nil
		}
		return write(buf[from:at])
	}
	for at < len(buf) {
		if in.left > 0 {
			n := min(in.left, int64(len(buf)-at))
			in.left -= n
			at += int(n)
			continue
		}
		h, whole, err := parseHeader(buf[at:])
		if err != nil || whole && !h.masked {
			return at, endTunnel{code: websocket.StatusProtocolError}
		}
		if !whole {
			break
		}
		if err := in.order(h); err != nil {
			return at, err
		}
		if in.passes(h) {
			at += h.size
			in.left = h.length
			continue
		}
		if h.length > maxRead {
			return at, endTunnel{code: websocket.StatusMessageTooBig}
		}
		end := at + h.size + int(h.length)
		if end > len(buf) {
			break
		}
		if err := flush(); err != nil {
			return at, err
		}
		if err := in.read(h, buf[at:end], write); err != nil {
			return at, err
		}
		at, run = end, end
	}
	return at, flush()
}

// order refuses frames that do not follow on what came before.
func (in *inspector) order(h header) error {
	if h.control() {
		return nil
	}
	if in.closing || (h.op == opContinuation) != (in.open != 0) {
		return endTunnel{code: websocket.StatusProtocolError}
	}
	return nil
}

// passes says whether a frame may go on unread. It is asked once a frame whose header is whole; one that is read may be
// asked about again, until all of it is there.
func (in *inspector) passes(h header) bool {
	if h.control() {
		in.closing = in.closing || h.op == opClose
		return true
	}
	if h.op == opContinuation {
		if in.passing && h.fin {
			in.open = 0
		}
		return in.passing
	}
	in.passing = h.op == opBinary && !in.guard.reads()
	if in.passing {
		in.used()
		if !h.fin {
			in.open = h.op
		}
	}
	return in.passing
}

// read takes one frame of a message that is read, and judges the message when it is whole.
func (in *inspector) read(h header, frame []byte, write func([]byte) error) error {
	if h.op != opContinuation {
		in.open = h.op
	}
	alone := h.fin && h.op != opContinuation
	if len(in.message)+int(h.length) > maxRead {
		return endTunnel{code: websocket.StatusMessageTooBig}
	}
	in.message = h.unmask(in.message, frame[h.size:])
	if !h.fin {
		return nil
	}
	op, data := in.open, in.message
	in.open, in.message = 0, nil
	j := in.guard.judge(op == opText, data)
	switch {
	case j.reason != "":
		in.note(j)
		if j.end {
			return endTunnel{code: websocket.StatusPolicyViolation}
		}
		return nil
	case j.data != nil:
		return write(appendFrame(nil, opText, j.data))
	case op == opBinary:
		in.used()
	}
	if alone {
		return write(frame)
	}
	return write(appendFrame(nil, op, data))
}
