package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/everydaytech/meshsso/meshbridge/policy"
	"github.com/everydaytech/meshsso/meshbridge/session"
)

// Close codes of our own, in the range for applications (RFC 6455, section 7.4.2).
const (
	closeEnded = 4401 // the session ended; the reason is its code
)

const maxAnswer = 4 << 20 // bytes of one message of MeshCentral's; the largest describe a device's hardware

// control carries the control channel message by message.
func (v *visit) control(w http.ResponseWriter, r *http.Request) {
	if !v.p.take(v.session.ID) {
		v.p.fail(w, r, &problemTooMany)
		return
	}
	defer v.p.giveBack(v.session.ID)
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.Context()))
	defer cancel()
	back, err := v.dialControl(r)
	if err != nil {
		v.p.fail(w, r, v.because(r.Context(), err))
		return
	}
	defer func() { _ = back.CloseNow() }()
	// The origin was looked at. Compressing what a browser may choose together with what it may not know would tell it.
	front, err := websocket.Accept(w, withoutExtensions(r), &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	v.p.sockets.Add(1)
	defer v.p.sockets.Done()
	defer func() { _ = front.CloseNow() }()
	front.SetReadLimit(policy.MaxFrame)
	back.SetReadLimit(maxAnswer)
	c := &channel{visit: v, front: front, back: back}
	c.run(ctx, cancel)
}

func withoutExtensions(r *http.Request) *http.Request {
	bare := r.Clone(r.Context())
	bare.Header.Del("Sec-WebSocket-Extensions")
	bare.Header.Del("Sec-WebSocket-Protocol")
	return bare
}

func (v *visit) dialControl(r *http.Request) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(r.Context(), v.p.cfg.Limits.Answer)
	defer cancel()
	// No argument goes on: all that it takes say who asks, which we do.
	out, err := v.outgoing(ctx, http.MethodGet, "", pick(r.Header, []string{"User-Agent", "Accept-Language"}))
	if err != nil {
		return nil, err
	}
	conn, res, err := websocket.Dial(ctx, out.URL.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: v.p.transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		HTTPHeader: out.Header, CompressionMode: websocket.CompressionDisabled,
	})
	if res != nil && res.Body != nil {
		_ = res.Body.Close()
	}
	if err != nil && res != nil { // the error itself may quote the address
		return nil, fmt.Errorf("%w: status %d to an upgrade", errUnexpected, res.StatusCode)
	}
	if err != nil {
		return nil, withoutURL(err)
	}
	return conn, nil
}

// withoutURL gives what is inside an error that quotes the address that was asked for, in which there are cookies.
func withoutURL(err error) error {
	var quoting *url.Error
	if errors.As(err, &quoting) {
		return quoting.Err
	}
	return err
}

// channel is one open control channel.
type channel struct {
	*visit
	front, back *websocket.Conn
}

// run carries messages until one side or the session ends.
func (c *channel) run(ctx context.Context, cancel context.CancelFunc) {
	ends := make(chan error, 2)
	var both sync.WaitGroup
	both.Go(func() { ends <- c.up(ctx) })
	both.Go(func() { ends <- c.down(ctx) })
	code, reason := websocket.StatusCode(0), ""
	select {
	case err := <-ends:
		code = lastCode(err)
		if errors.As(err, new(errBack)) && c.over(ctx) {
			code, reason = closeEnded, codeOf(c.live.Err())
		}
	case <-c.live.Done():
		code, reason = closeEnded, codeOf(c.live.Err())
	case <-c.p.closing:
		code = websocket.StatusGoingAway
	}
	_ = c.back.CloseNow() // first: saying it to the browser may take a while
	if code != 0 {
		patience := time.AfterFunc(c.p.cfg.Limits.Farewell, func() { _ = c.front.CloseNow() })
		_ = c.front.Close(code, reason)
		patience.Stop()
	}
	cancel()
	_ = c.front.CloseNow()
	both.Wait()
}

// errBack says that MeshCentral's side ended.
type errBack struct{ err error }

func (e errBack) Error() string { return e.err.Error() }
func (e errBack) Unwrap() error { return e.err }

// lastCode is what the browser is told, 0 if there is nobody to tell.
func lastCode(err error) websocket.StatusCode {
	var back errBack
	switch {
	case errors.As(err, &back) && websocket.CloseStatus(err) == websocket.StatusNormalClosure:
		return websocket.StatusNormalClosure
	case errors.As(err, &back):
		return websocket.StatusBadGateway
	case errors.Is(err, websocket.ErrMessageTooBig):
		return websocket.StatusMessageTooBig
	}
	return 0
}

func codeOf(err error) string {
	var known *session.Error
	if errors.As(err, &known) && len(known.Code) < 100 {
		return known.Code
	}
	return "SESSION_ENDED"
}

// up carries what the browser sends.
func (c *channel) up(ctx context.Context) error {
	for first := true; ; first = false {
		kind, data, err := c.front.Read(ctx)
		if err != nil {
			return err
		}
		if first && isArguments(data) {
			continue
		}
		frame, refusal := c.p.engine.Frame(data, c.person)
		if refusal != nil {
			if err := c.refused(ctx, refusal); err != nil {
				return err
			}
			continue
		}
		for _, name := range frame.Dropped {
			c.p.counts.note(ctx, surfaceControl, frame.Action+"."+name, "FIELD_UNKNOWN", c.session.ID)
		}
		if !keepsAlive(frame.Action) {
			c.live.Use()
		}
		if err := c.write(ctx, c.back, kind, frame.Text); err != nil {
			return errBack{err}
		}
	}
}

// isArguments says whether a page begins by saying who it is, as the shim's does: here its session's cookies said it.
func isArguments(data []byte) bool {
	var frame struct {
		Action string `json:"action"`
	}
	return len(data) <= policy.MaxFrame && json.Unmarshal(data, &frame) == nil && frame.Action == "urlargs"
}

// keepsAlive says whether an action is one that an open page sends by itself: a page that nobody looks at is not in use.
func keepsAlive(action string) bool {
	return action == "ping" || action == "pong" || action == "authcookie"
}

func (c *channel) write(ctx context.Context, to *websocket.Conn, kind websocket.MessageType, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, c.p.cfg.Limits.Stall)
	defer cancel()
	return to.Write(ctx, kind, data)
}

// refused answers in MeshCentral's own way whoever waits for an answer; why is for the log.
func (c *channel) refused(ctx context.Context, r *policy.Refusal) error {
	c.p.counts.note(ctx, surfaceControl, r.Kind(), r.Reason, c.session.ID)
	c.live.Denied(r.Reason)
	if r.ResponseID == nil || r.Action == "" {
		return nil
	}
	action, _, _ := strings.Cut(r.Action, ".")
	answer, err := json.Marshal(map[string]any{"action": action, "responseid": json.RawMessage(r.ResponseID), "result": "Access denied"})
	if err != nil { // not valid as JSON goes: nobody waits for it
		return nil //nolint:nilerr // the frame was refused, and that is all
	}
	return c.write(ctx, c.front, websocket.MessageText, answer)
}

// down carries what MeshCentral sends.
func (c *channel) down(ctx context.Context) error {
	for {
		kind, data, err := c.back.Read(ctx)
		if err != nil {
			return errBack{err}
		}
		if kind != websocket.MessageText {
			c.p.counts.note(ctx, surfaceAnswer, "frame", reasonAnswer, c.session.ID)
			continue
		}
		out, dropped := c.answer(data)
		if dropped != "" {
			c.p.counts.note(ctx, surfaceAnswer, dropped, reasonAnswer, c.session.ID)
			continue
		}
		if err := c.write(ctx, c.front, websocket.MessageText, out); err != nil {
			return err
		}
	}
}

// farewell is how long a peer may take to end its half.
func (v *visit) farewell() time.Time { return time.Now().Add(v.p.cfg.Limits.Farewell) }
