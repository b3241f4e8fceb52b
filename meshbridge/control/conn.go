package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
)

// Bounds of one connection.
const (
	maxMessageBytes = 32 << 20 // `nodes` of 10,000 devices is 4 MB; beyond some 70,000 MeshCentral has to page (maxDeviceView)
	maxPending      = 256
	writeTimeout    = 10 * time.Second
)

// frame is what we send: an action with its arguments.
type frame map[string]any

// conn is one control.ashx connection that MeshCentral has let in. It ends once and is not used again.
type conn struct {
	ws      *websocket.Conn
	user    account // who we are there
	onEvent func(event)
	ctx     context.Context //nolint:containedctx // it ends the reading and pinging goroutines
	cancel  context.CancelCauseFunc
	done    chan struct{} // closed when both goroutines have ended

	mu      sync.Mutex
	pending map[string]chan message
	last    uint64
}

// dialing says how to open one.
type dialing struct {
	url       string // wss://…/control.ashx
	client    *http.Client
	header    http.Header
	handshake time.Duration
	ping      time.Duration
	onEvent   func(event)
}

// dial opens a connection and waits until MeshCentral says who we are. The context bounds the opening only.
func dial(ctx context.Context, d dialing) (*conn, error) {
	ctx, stop := context.WithTimeout(ctx, d.handshake)
	defer stop()
	//nolint:bodyclose // the library owns the body of an upgrade
	ws, resp, err := websocket.Dial(ctx, d.url, &websocket.DialOptions{HTTPClient: d.client, HTTPHeader: d.header})
	if err != nil {
		if resp != nil && resp.StatusCode != http.StatusSwitchingProtocols {
			return nil, unavailable(fmt.Errorf("control.ashx answered %d", resp.StatusCode))
		}
		return nil, unavailable(err)
	}
	ws.SetReadLimit(maxMessageBytes)
	c := &conn{ws: ws, onEvent: d.onEvent, pending: map[string]chan message{}, done: make(chan struct{})}
	if c.user, err = welcome(ctx, ws); err != nil {
		_ = ws.CloseNow()
		return nil, err
	}
	c.ctx, c.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	go c.run(d.ping)
	return c, nil
}

// welcome reads up to `userinfo`, the second thing that MeshCentral says, or up to its refusal.
func welcome(ctx context.Context, ws *websocket.Conn) (account, error) {
	for range 16 {
		m, err := readMessage(ctx, ws)
		if err != nil {
			return account{}, unavailable(err)
		}
		switch m.Action.V {
		case "userinfo":
			if m.UserInfo.V.ID == "" {
				return account{}, unavailable(errors.New("userinfo without an id"))
			}
			return m.UserInfo.V, nil
		case "close", "stopped":
			return account{}, turnedAway(m)
		}
	}
	return account{}, unavailable(errors.New("no userinfo"))
}

// turnedAway says why, by the cause that MeshCentral gives (webserver.js, PerformWSSessionAuth).
func turnedAway(m message) error {
	switch reason := m.Reason.V; {
	case reason == "tokenrequired":
		return fmt.Errorf("%w: the account has a second factor; give a login token of it instead of its password", ErrCredentials)
	case m.Cause.V == "notools":
		return fmt.Errorf("%w: the account has the site right \"no tools\"", ErrCredentials)
	case m.Cause.V == "emailvalidation":
		return fmt.Errorf("%w: the account's e-mail is not verified", ErrCredentials)
	case m.Cause.V == "banned":
		return unavailable(errors.New("our address is banned for a while, after wrong passwords"))
	case m.Action.V == "stopped":
		return unavailable(errors.New("the limit of sessions is reached"))
	default:
		return ErrCredentials
	}
}

func readMessage(ctx context.Context, ws *websocket.Conn) (message, error) {
	_, r, err := ws.Reader(ctx)
	if err != nil {
		return message{}, err
	}
	m, err := decodeMessage(r)
	if err != nil {
		return message{}, fmt.Errorf("a message that is not MeshCentral's: %w", err)
	}
	_, err = io.Copy(io.Discard, r) // the library wants to see the message's end
	return m, err
}

// run reads until the connection ends, and pings so that a dead one is noticed.
func (c *conn) run(every time.Duration) {
	defer close(c.done)
	var pinging sync.WaitGroup
	pinging.Go(func() { c.cancel(c.keepPinging(every)) })
	for {
		m, err := readMessage(c.ctx, c.ws)
		if err != nil {
			c.cancel(unavailable(err)) // the first cause stays
			break
		}
		if m.Action.V == "close" {
			c.cancel(turnedAway(m))
			break
		}
		c.take(m)
	}
	_ = c.ws.CloseNow()
	pinging.Wait()
}

func (c *conn) keepPinging(every time.Duration) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-c.ctx.Done():
			return context.Cause(c.ctx)
		case <-tick.C:
		}
		ctx, stop := context.WithTimeout(c.ctx, every)
		err := c.ws.Ping(ctx)
		stop()
		if err != nil {
			return unavailable(fmt.Errorf("ping: %w", err))
		}
	}
}

// take hands a message to whoever waits for it.
func (c *conn) take(m message) {
	if m.Action.V == "event" {
		c.onEvent(m.Event.V)
		return
	}
	id := m.ResponseID.V
	if id == "" {
		id = m.Tag.V // `users` answers with the tag only
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting, ok := c.pending[id]; ok {
		delete(c.pending, id)
		waiting <- m // has room for the one
	}
}

// request sends a frame and waits for its answer.
func (c *conn) request(ctx context.Context, f frame) (message, error) {
	id, answer, err := c.expect()
	if err != nil {
		return message{}, err
	}
	defer c.forget(id)
	f["responseid"] = id
	if f["action"] == "users" {
		f["tag"] = id
	}
	if err := c.write(ctx, f); err != nil {
		return message{}, err
	}
	select {
	case m := <-answer:
		return m, nil
	case <-ctx.Done():
		return message{}, unavailable(fmt.Errorf("no answer to %s: %w", f["action"], context.Cause(ctx)))
	case <-c.ctx.Done():
		return message{}, context.Cause(c.ctx)
	}
}

func (c *conn) write(ctx context.Context, f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	// A write that is broken off breaks the connection; a caller who hung up must not do that to the others.
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer stop()
	if err := c.ws.Write(ctx, websocket.MessageText, text); err != nil {
		c.cancel(unavailable(err))
		return unavailable(err)
	}
	return nil
}

func (c *conn) expect() (id string, answer chan message, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) >= maxPending {
		return "", nil, ErrBusy
	}
	c.last++
	id = "m" + strconv.FormatUint(c.last, 10)
	answer = make(chan message, 1)
	c.pending[id] = answer
	return id, answer, nil
}

func (c *conn) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.pending, id)
}

// close ends the connection and waits until nothing of it runs.
func (c *conn) close(cause error) {
	c.cancel(cause)
	_ = c.ws.CloseNow()
	<-c.done
}
