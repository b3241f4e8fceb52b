package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // what RFC 6455, section 4.2.2, asks for; it protects nothing
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/everydaytech/meshsso/meshbridge/policy"
)

const kindChat = "chat"

// tunnel carries a tunnel to the device: frames from the browser as far as the guard reads them, everything from MeshCentral
// as it comes.
func (v *visit) tunnel(w http.ResponseWriter, r *http.Request, request *policy.Request) {
	if !v.p.take(v.session.ID) {
		v.p.fail(w, r, &problemTooMany)
		return
	}
	back, err := v.dialRelay(r, request)
	if err != nil {
		v.p.giveBack(v.session.ID)
		v.p.fail(w, r, v.because(r.Context(), err))
		return
	}
	kind := kindChat
	if request.Protocol != 0 {
		kind = v.p.engine.Kind(request.Protocol)
	}
	audit := v.live.Tunnel(kind) // before the browser can send anything
	front, early, err := hijack(w, r)
	if err != nil {
		audit.Close(0, 0)
		v.p.giveBack(v.session.ID)
		_ = back.conn.Close()
		v.p.fail(w, r, err)
		return
	}
	t := &relay{
		v: v, kind: kind, protocol: request.Protocol, front: peer{conn: front, stall: v.p.cfg.Limits.Stall}, back: peer{conn: back.conn, below: back.below, stall: v.p.cfg.Limits.Stall},
		early: early, late: back.early,
	}
	// Not in this goroutine: the server keeps a request's buffers as long as its handler runs.
	v.p.sockets.Add(1)
	v.p.counts.tunnels.WithLabelValues(kind).Inc()
	go t.run(audit)
}

// upgraded is MeshCentral's end of a tunnel, with what came behind its answer.
type upgraded struct {
	conn  net.Conn
	below *burst
	early []byte
}

// dialRelay opens a tunnel at MeshCentral. Errors: it cannot be reached, or answers otherwise than with an upgrade.
func (v *visit) dialRelay(r *http.Request, request *policy.Request) (upgraded, error) {
	ctx, cancel := context.WithTimeout(r.Context(), v.p.cfg.Limits.Answer)
	defer cancel()
	nonce := make([]byte, 16)
	_, _ = rand.Read(nonce)
	key := base64.StdEncoding.EncodeToString(nonce)
	out, err := v.outgoing(ctx, http.MethodGet, request.Encode(), pick(r.Header, []string{"User-Agent"}))
	if err != nil {
		return upgraded{}, err
	}
	for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": key} {
		out.Header.Set(name, value)
	}
	var below *burst
	conn, err := v.p.cfg.Upstream.DialTLSOver(ctx, func(raw net.Conn) net.Conn { below = &burst{Conn: raw}; return below })
	if err != nil {
		return upgraded{}, err
	}
	v.p.names.address(conn.RemoteAddr())
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	early, err := shake(conn, out, acceptOf(key))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return upgraded{}, err
	}
	return upgraded{conn, below, early}, conn.SetDeadline(time.Time{})
}

func shake(conn net.Conn, out *http.Request, accept string) ([]byte, error) {
	if err := out.Write(conn); err != nil {
		return nil, err
	}
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, out)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnexpected, err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols || !headerHas(res.Header, "Upgrade", "websocket") || res.Header.Get("Sec-WebSocket-Accept") != accept ||
		res.Header.Get("Sec-WebSocket-Extensions") != "" {
		return nil, fmt.Errorf("%w: status %d to an upgrade", errUnexpected, res.StatusCode)
	}
	return drained(reader), nil
}

func drained(reader *bufio.Reader) []byte {
	n := reader.Buffered()
	if n == 0 {
		return nil
	}
	head, _ := reader.Peek(n)
	return bytes.Clone(head)
}

func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // see above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// hijack takes the browser's connection and agrees to the upgrade, without extensions.
func hijack(w http.ResponseWriter, r *http.Request) (net.Conn, []byte, error) {
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, nil, err
	}
	_ = conn.SetDeadline(time.Time{})
	answer := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " + acceptOf(r.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
	if _, err := conn.Write([]byte(answer)); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, drained(rw.Reader), nil
}

// relay is one open tunnel.
type relay struct {
	v           *visit
	kind        string
	protocol    uint32
	front, back peer
	early, late []byte      // came with the handshakes
	left        atomic.Bool // nothing is carried any more
}

// errForbidden says that the session may not have this kind of tunnel any more.
var errForbidden = errors.New("the session lost its right to the tunnel")

// run carries both halves until one of them or the session ends.
func (t *relay) run(audit Tunnel) {
	defer t.v.p.sockets.Done()
	defer t.v.p.giveBack(t.v.session.ID)
	ends := make(chan error, 2)
	var both sync.WaitGroup
	both.Go(func() { ends <- t.down() })
	both.Go(func() { ends <- t.up() })
	var last []byte
	select {
	case err := <-ends:
		last = t.lastWords(err)
	case <-t.v.live.Done():
		last = closeFrame(closeEnded, codeOf(t.v.live.Err()))
	case <-t.v.p.closing:
		last = closeFrame(uint16(websocket.StatusGoingAway), "")
	}
	_ = t.back.conn.Close()
	t.leave(last, &both)
	up, down := t.back.sent, t.front.sent
	audit.Close(up, down)
	counts := t.v.p.counts
	counts.tunnels.WithLabelValues(t.kind).Dec()
	counts.bytes.WithLabelValues(t.kind, "up").Add(float64(up))
	counts.bytes.WithLabelValues(t.kind, "down").Add(float64(down))
}

// errFront says that the browser's side ended, by itself.
var errFront = errors.New("the browser ended the tunnel")

// leave says the last words, if there are any, and waits for both halves. A connection that is closed while something
// unread has come would be reset, and the words lost: so what still comes is read and thrown away, for a moment.
func (t *relay) leave(last []byte, both *sync.WaitGroup) {
	t.left.Store(true)
	if last == nil {
		_ = t.front.conn.Close()
		both.Wait()
		return
	}
	patience := time.AfterFunc(t.v.p.cfg.Limits.Farewell, func() { _ = t.front.conn.Close() })
	defer patience.Stop()
	t.front.farewell(last, t.v.farewell())
	if half, ok := t.front.conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	both.Wait()
	_, _ = io.Copy(io.Discard, t.front.conn)
	_ = t.front.conn.Close()
}

// lastWords tell the browser why its tunnel ends; nil if there is nobody to tell.
func (t *relay) lastWords(err error) []byte {
	var ours endTunnel
	switch {
	case errors.Is(err, errFront):
		return nil
	case errors.As(err, &ours):
		return closeFrame(uint16(ours.code), ours.reason) //nolint:gosec // close codes have 16 bits
	case errors.Is(err, errForbidden):
		return closeFrame(uint16(websocket.StatusPolicyViolation), policy.ReasonRight)
	case t.v.over(context.Background()):
		return closeFrame(closeEnded, codeOf(t.v.live.Err()))
	}
	return closeFrame(uint16(websocket.StatusBadGateway), "")
}

// allowed asks anew whether the session may have this tunnel: rights can be lowered while it is open.
func (t *relay) allowed() bool {
	return t.protocol == 0 || t.v.p.engine.May(t.protocol, t.v.rights())
}

// noticeable is how much from the device counts as use: less is an answer to the page's own clock.
const noticeable = 256

// down carries what MeshCentral sends.
func (t *relay) down() error {
	if err := t.front.write(t.late); err != nil {
		return errFront
	}
	t.late = nil
	return t.back.each(func(b []byte) (int, error) {
		if !t.allowed() {
			return 0, errForbidden
		}
		if len(b) >= noticeable {
			t.v.live.Use()
		}
		if err := t.front.write(b); err != nil {
			return 0, errFront
		}
		return len(b), nil
	}, 0)
}

// up carries what the browser sends.
func (t *relay) up() error {
	feed := func(b []byte) (int, error) { t.v.live.Use(); return len(b), t.back.write(b) }
	if t.protocol != 0 {
		in := &inspector{guard: t.guard(), note: t.note, used: t.v.live.Use}
		feed = func(b []byte) (int, error) { return in.feed(b, t.back.write) }
	}
	checked := func(b []byte) (int, error) {
		if t.left.Load() {
			return len(b), nil
		}
		if !t.allowed() {
			return 0, errForbidden
		}
		return feed(b)
	}
	t.front.early = t.early
	t.early = nil
	err := t.front.each(checked, t.v.p.cfg.Limits.Partial)
	var read errRead
	if errors.As(err, &read) {
		return errFront
	}
	return err
}

func (t *relay) guard() *guard {
	return &guard{
		protocol: strconv.FormatUint(uint64(t.protocol), 10),
		looks:    func() bool { return t.protocol == desktop && t.v.rights()&viewOnly != 0 },
	}
}

func (t *relay) note(j judged) {
	t.v.p.counts.note(context.Background(), surfaceRelay, j.kind, j.reason, t.v.session.ID)
	t.v.live.Denied(j.reason)
}
