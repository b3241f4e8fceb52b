package proxy_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/everydaytech/meshsso/meshbridge/proxy"
)

// meshRelay stands for MeshCentral's relay with a device behind it: what serve does with each tunnel.
type meshRelay struct {
	serve func(conn *websocket.Conn, r *http.Request)
	query chan string
}

func (m *meshRelay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/meshrelay.ashx" || r.Header.Get("Sec-Websocket-Extensions") != "" || r.Header.Get(injected) == "" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	if m.query != nil {
		m.query <- r.URL.RawQuery
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	conn.SetReadLimit(64 << 20)
	defer func() { _ = conn.CloseNow() }()
	m.serve(conn, r)
}

// echoBack sends everything back, "c" first.
func echoBack(conn *websocket.Conn, _ *http.Request) {
	ctx := context.Background()
	if conn.Write(ctx, websocket.MessageText, []byte("c")) != nil {
		return
	}
	for {
		kind, data, err := conn.Read(ctx)
		if err != nil {
			_ = conn.Close(websocket.CloseStatus(err), "")
			return
		}
		if conn.Write(ctx, kind, data) != nil {
			return
		}
	}
}

func tunnelURL(p int) string {
	return fmt.Sprintf("meshrelay.ashx?browser=1&p=%d&nodeid=%s&id=abc123", p, ownNode)
}

func write(t *testing.T, conn *websocket.Conn, data []byte) {
	t.Helper()
	if err := conn.Write(t.Context(), websocket.MessageBinary, data); err != nil {
		t.Fatal(err)
	}
}

func TestATunnelCarriesWhatIsAllowed(t *testing.T) {
	m := &meshRelay{serve: echoBack, query: make(chan string, 1)}
	b := newBed(t, m)
	conn := b.mustOpen(tunnelURL(5) + "&tcpport=22&tcpaddr=x&slowrelay=1")
	if q := <-m.query; q != "browser=1&p=5&nodeid=node%2F%2F"+strings.Repeat("a", 64)+"&id=abc123" {
		t.Errorf("query %q", q)
	}
	if got := read(t, conn); got != "c" {
		t.Fatalf("got %q", got)
	}
	send(t, conn, `{"ctrlChannel":102938,"type":"rtt","time":5}`)
	same(t, "a message for the tunnel", read(t, conn), `{"ctrlChannel":102938,"type":"rtt","time":5}`)
	send(t, conn, `{"type":"options","file":"/etc/shadow","cols":80}`)
	same(t, "options", read(t, conn), `{"type":"options","cols":80}`)
	send(t, conn, "5")
	if got := read(t, conn); got != "5" {
		t.Fatalf("got %q", got)
	}
	send(t, conn, `{"ctrlChannel":"102938","type":"offer","sdp":"x"}`) // dropped
	send(t, conn, `{"action":"ls","path":"/"}`)
	if got := read(t, conn); got != `{"action":"ls","path":"/"}` {
		t.Errorf("got %q", got)
	}
	for _, size := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		data := bytes.Repeat([]byte{byte(size), 1, 2, 3}, size/4+1)[:size]
		write(t, conn, data)
		if got := read(t, conn); got != string(data) {
			t.Errorf("%d bytes came back as %d", size, len(got))
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	tun := b.live.tunnel(0)
	<-tun.closed
	if tun.kind != "files" || tun.up < 1<<20 || tun.down < 1<<20 || len(b.live.tunnels) != 1 {
		t.Errorf("audited %+v", tun)
	}
	if b.count("relay", "webrtc", "TUNNEL_INVALID") != 1 {
		t.Error("not counted")
	}
}

func TestTunnelsThatAreRefused(t *testing.T) {
	m := &meshRelay{serve: echoBack}
	b := newBed(t, m)
	for rest, status := range map[string]int{
		tunnelURL(10): 403, tunnelURL(7): 403, tunnelURL(100): 403, strings.Replace(tunnelURL(5), ownNode, otherNode, 1): 403, "meshrelay.ashx?p=5": 404,
		tunnelURL(5) + "&auth=PageCookie": 403, "devicefile.ashx": 404, "agent.ashx": 404, "webrelay.ashx?p=1": 404, "": 404,
	} {
		if _, res, err := b.open(rest); err == nil || res.status != status {
			t.Errorf("%s: %v %v", rest, res, err)
		}
	}
	b.live.rights(viewer)
	if _, res, err := b.open(tunnelURL(5)); err == nil || res.status != 403 {
		t.Errorf("files of a viewer: %v %v", res, err)
	}
	if len(b.live.tunnels) != 0 {
		t.Error("audited as open")
	}
}

func TestATunnelIsOfTheKindThatItsURLSays(t *testing.T) {
	for name, first := range map[string]func(t *testing.T, conn *websocket.Conn){
		"another kind": func(t *testing.T, conn *websocket.Conn) { send(t, conn, "10") },
		"binary":       func(t *testing.T, conn *websocket.Conn) { write(t, conn, []byte("5")) },
		"text":         func(t *testing.T, conn *websocket.Conn) { send(t, conn, "x") },
		"other JSON":   func(t *testing.T, conn *websocket.Conn) { send(t, conn, `{"type":"x"}`) },
	} {
		t.Run(name, func(t *testing.T) {
			heard := make(chan string, 4)
			b := newBed(t, &meshRelay{serve: func(conn *websocket.Conn, _ *http.Request) {
				for {
					_, data, err := conn.Read(context.Background())
					if err != nil {
						close(heard)
						return
					}
					heard <- string(data)
				}
			}})
			conn := b.mustOpen(tunnelURL(5))
			first(t, conn)
			if code, _ := closed(t, conn); code != websocket.StatusPolicyViolation {
				t.Errorf("%d", code)
			}
			for got := range heard {
				t.Errorf("the device got %q", got)
			}
		})
	}
}

func TestWhoMayOnlyLookDoesNothingElse(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	b.live.rights(viewer)
	conn := b.mustOpen(tunnelURL(2))
	_ = read(t, conn)
	send(t, conn, `{"ctrlChannel":"102938","type":"lock"}`)
	send(t, conn, "2")
	if got := read(t, conn); got != "2" {
		t.Fatalf("got %q", got)
	}
	command := func(cmd uint16, payload ...byte) []byte {
		return append(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, cmd), uint16(4+len(payload))), payload...)
	}
	for _, data := range [][]byte{
		command(1, 0, 65), command(2, 0, 0), append(command(6), command(1, 0, 65)...), {0, 6}, {0, 6, 0, 0}, {0, 6, 0, 9}, command(85, 0),
	} {
		write(t, conn, data) // dropped
	}
	send(t, conn, "ls\n")
	send(t, conn, `{"ctrlChannel":"102938","type":"autolock","value":true}`)
	send(t, conn, `{"ctrlChannel":"102938","type":"options","autolock":true,"a":1}`)
	same(t, "options of a viewer", read(t, conn), `{"ctrlChannel":"102938","type":"options","a":1}`)
	looks := append(command(6), command(5, 1, 50, 4, 0, 0, 100)...)
	write(t, conn, looks)
	if got := read(t, conn); got != string(looks) {
		t.Errorf("got %q", got)
	}
	if n := b.count("relay", "input", "RIGHT_MISSING"); n != 10 {
		t.Errorf("counted %v", n)
	}
	// The rights come back: what is typed passes, without a new tunnel.
	b.live.rights(technician)
	write(t, conn, command(1, 0, 65))
	if got := read(t, conn); got != string(command(1, 0, 65)) {
		t.Errorf("got %q", got)
	}
}

func TestATunnelEndsWithItsRight(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	conn := b.mustOpen(tunnelURL(1))
	_ = read(t, conn)
	b.live.rights(viewer)
	send(t, conn, "1")
	if code, reason := closed(t, conn); code != websocket.StatusPolicyViolation || reason != "RIGHT_MISSING" {
		t.Errorf("%d %q", code, reason)
	}
}

func TestATunnelEndsWithItsSession(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	conn := b.mustOpen(tunnelURL(1))
	_ = read(t, conn)
	b.live.end("SESSION_EXPIRED")
	if code, reason := closed(t, conn); code != 4401 || reason != "SESSION_EXPIRED" {
		t.Errorf("%d %q", code, reason)
	}
	<-b.live.tunnel(0).closed
}

func TestADroppedTunnelIsClosedWithACode(t *testing.T) {
	b := newBed(t, &meshRelay{serve: func(conn *websocket.Conn, _ *http.Request) {
		_ = conn.Write(context.Background(), websocket.MessageText, []byte("c"))
	}})
	if code, _ := closed(t, b.mustOpen(tunnelURL(1))); code != websocket.StatusBadGateway {
		t.Errorf("%d", code)
	}
	b.live.endsUnseen("SESSION_ENDED")
	if code, reason := closed(t, b.mustOpen(tunnelURL(1))); code != 4401 || reason != "SESSION_ENDED" {
		t.Errorf("%d %q", code, reason)
	}
}

func TestARelayThatAnswersOddly(t *testing.T) {
	for name, answer := range map[string]string{
		"no upgrade": "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX: mesh-4711\r\n\r\nmesh-4711", "garbage": "\x00\x01mesh-4711\r\n\r\n", "wrong key": "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
		"an extension": "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, _ := http.NewResponseController(w).Hijack()
				_, _ = io.WriteString(conn, answer)
				_ = conn.Close()
			}))
			_, res, err := b.open(tunnelURL(1))
			if err == nil || res.status < 502 {
				t.Fatalf("%v %v", res, err)
			}
			if strings.Contains(res.body, "mesh-4711") {
				t.Errorf("%s", res.body)
			}
		})
	}
	t.Run("not at all", func(t *testing.T) {
		b := newBed(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), func(c *proxy.Config) { c.Limits.Answer = 50 * time.Millisecond })
		if _, res, err := b.open(tunnelURL(1)); err == nil || res.status != http.StatusGatewayTimeout {
			t.Errorf("%v %v", res, err)
		}
	})
}

// raw opens a tunnel and gives its connection: frames by hand.
func (b *bed) raw(rest string) (net.Conn, *bufio.Reader) {
	b.t.Helper()
	conn, err := net.Dial("tcp", b.front.Listener.Addr().String())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	r := b.request("GET", rest, "Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13", "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==", "Origin", b.origin())
	if err := r.Write(conn); err != nil {
		b.t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, r)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		b.t.Fatal(res.Status)
	}
	return conn, reader
}

func TestFramesThatAreNone(t *testing.T) {
	for name, bad := range map[string][]byte{
		"not masked": {0x82, 1, 'x'}, "compressed": {0xc1, 0x80, 0, 0, 0, 0}, "opcode 3": {0x83, 0x80, 0, 0, 0, 0}, "continuation of nothing": {0x80, 0x80, 0, 0, 0, 0},
		"long ping": {0x89, 0xfe, 0, 126, 0, 0, 0, 0}, "ping in pieces": {0x09, 0x80, 0, 0, 0, 0}, "2^63": {0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
		"text inside text": {0x01, 0x81, 0, 0, 0, 0, 'a', 0x81, 0x81, 0, 0, 0, 0, 'b'}, "a long text": {0x81, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, &meshRelay{serve: echoBack})
			conn, reader := b.raw(tunnelURL(5))
			if _, err := conn.Write(append([]byte{0x81, 0x81, 0, 0, 0, 0, '5'}, bad...)); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(reader)
			if err != nil && !errors.Is(err, net.ErrClosed) && !strings.Contains(err.Error(), "reset") {
				t.Fatal(err)
			}
			if i := bytes.IndexByte(all, 0x88); i < 0 || i+4 > len(all) || binary.BigEndian.Uint16(all[i+2:]) != 1002 && binary.BigEndian.Uint16(all[i+2:]) != 1009 {
				t.Errorf("the end was %q", all)
			}
		})
	}
}

func TestFramesInPieces(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	conn, reader := b.raw(tunnelURL(5))
	frames := []byte{0x01, 0x80, 0, 0, 0, 0, 0x89, 0x80, 1, 2, 3, 4, 0x80, 0x81, 0, 0, 0, 0, '5'} // "5" in two frames, a ping between
	frames = append(frames, 0x02, 0x83, 9, 9, 9, 9, 'a'^9, 'b'^9, 'c'^9, 0x80, 0x81, 7, 7, 7, 7, 'd'^7)
	for _, one := range frames {
		if _, err := conn.Write([]byte{one}); err != nil {
			t.Fatal(err)
		}
	}
	want := []byte{0x81, 1, 'c', 0x8a, 0, 0x81, 1, '5', 0x82, 4, 'a', 'b', 'c', 'd'}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(reader, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v", got, err)
	}
}

func TestAClientThatStopsReadingEndsWithBoundedMemory(t *testing.T) {
	ended := make(chan struct{})
	b := newBed(t, &meshRelay{serve: func(conn *websocket.Conn, _ *http.Request) {
		defer close(ended)
		block := make([]byte, 1<<20)
		for conn.Write(context.Background(), websocket.MessageBinary, block) == nil {
		}
	}}, func(c *proxy.Config) { c.Limits.Stall = 200 * time.Millisecond })
	_, _ = b.raw(tunnelURL(2))
	<-ended
	<-b.live.tunnel(0).closed
	if sent := b.live.tunnel(0).down; sent > 64<<20 {
		t.Errorf("%d bytes went to a client that does not read", sent)
	}
}

func TestAFrameThatNeverEndsIsGivenUp(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack}, func(c *proxy.Config) { c.Limits.Partial = 100 * time.Millisecond })
	conn, reader := b.raw(tunnelURL(2))
	if _, err := conn.Write([]byte{0x81, 0xfe, 0x10, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, reader); err != nil {
		t.Fatal(err)
	}
	<-b.live.tunnel(0).closed
}

func TestCloseEndsEverything(t *testing.T) {
	b := newBed(t, &meshRelay{serve: echoBack})
	conn := b.mustOpen(tunnelURL(1))
	_ = read(t, conn)
	ended := make(chan struct{})
	go func() { b.proxy.Close(); close(ended) }()
	if code, _ := closed(t, conn); code != websocket.StatusGoingAway {
		t.Errorf("%d", code)
	}
	<-ended
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here: ", err)
	}
	return len(list)
}

// Each tunnel sends numbered blocks both ways at once and sums what came back.
func TestManyTunnelsLoseNothing(t *testing.T) {
	const tunnels, blocks = 300, 16
	b := newBed(t, &meshRelay{serve: echoBack})
	conn := b.mustOpen(tunnelURL(5))
	_ = conn.CloseNow()
	<-b.live.tunnel(0).closed
	before := openFiles(t)
	var all sync.WaitGroup
	for i := range tunnels {
		conn := b.mustOpen(tunnelURL(5))
		all.Go(func() { exercise(t, conn, uint64(i), blocks) })
	}
	all.Wait()
	eventually(t, "tunnels are left", func() bool {
		b.live.mu.Lock()
		defer b.live.mu.Unlock()
		for _, tun := range b.live.tunnels {
			select {
			case <-tun.closed:
			default:
				return false
			}
		}
		return len(b.live.tunnels) == tunnels+1
	})
	eventually(t, "descriptors are left", func() bool { return openFiles(t) <= before+4 })
}

func exercise(t *testing.T, conn *websocket.Conn, seed uint64, blocks int) {
	ctx := t.Context()
	if _, data, err := conn.Read(ctx); err != nil || string(data) != "c" {
		t.Errorf("%q %v", data, err)
		return
	}
	_ = conn.Write(ctx, websocket.MessageText, []byte("5"))
	_, _, _ = conn.Read(ctx)
	sums := [2]hash.Hash{sha256.New(), sha256.New()}
	var half sync.WaitGroup
	half.Go(func() {
		r := rand.New(rand.NewPCG(seed, 1))
		for n := range blocks {
			block := make([]byte, 8+r.IntN(20_000))
			binary.BigEndian.PutUint64(block, uint64(n))
			for i := 8; i < len(block); i += 64 {
				block[i] = byte(r.Uint32())
			}
			sums[0].Write(block)
			if err := conn.Write(ctx, websocket.MessageBinary, block); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for n := range blocks {
		_, block, err := conn.Read(ctx)
		if err != nil || len(block) < 8 || binary.BigEndian.Uint64(block) != uint64(n) {
			t.Errorf("block %d: %d bytes, %v", n, len(block), err)
			break
		}
		sums[1].Write(block)
	}
	half.Wait()
	if !bytes.Equal(sums[0].Sum(nil), sums[1].Sum(nil)) {
		t.Error("what came back is something else")
	}
	_ = conn.Close(websocket.StatusNormalClosure, "")
}

// What an idle tunnel costs the proxy: with everything else in this process, its client and MeshCentral's end, it would say
// nothing, so that the other ends are bare connections of little cost that are counted in.
func TestAnIdleTunnelIsSmall(t *testing.T) {
	const tunnels = 200
	release := make(chan struct{})
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept(r.Header.Get("Sec-Websocket-Key"))+"\r\n\r\n")
		go func() { <-release; _ = conn.Close() }()
	}))
	measure := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc + m.StackInuse
	}
	_, _ = b.raw(tunnelURL(1))
	before := measure()
	var conns []net.Conn
	for range tunnels {
		conn, _ := b.raw(tunnelURL(1))
		conns = append(conns, conn)
	}
	each := (measure() - before) / tunnels
	t.Logf("%d bytes a tunnel, both of its other ends included", each)
	if each > 64<<10 {
		t.Errorf("an idle tunnel costs %d bytes", each)
	}
	close(release)
	for _, c := range conns {
		_ = c.Close()
	}
}
