package proxy_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/everydaytech/meshsso/meshbridge"
	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/upstream"
)

// The figures of the proxy, in a process of its own as HAProxy is, with browser and MeshCentral here:
//
//	go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 1x ./meshbridge/proxy -figures FILE
//
// FILE gets a JSON array. Ratios are of one round; rounds alternate, so that a busy machine meets all sides.
var figuresFile = flag.String("figures", "", "where BenchmarkFigures writes its JSON")

// figure is one line of bench/results.json.
type figure struct {
	Name   string         `json:"name"`
	Value  float64        `json:"value"`
	Unit   string         `json:"unit"`
	Goal   string         `json:"goal"`
	Spread [2]float64     `json:"spread"` // least and greatest round
	Raw    map[string]any `json:"raw"`
}

const (
	figureRounds = 9
	bulkBytes    = 512 << 20
	bulkFrame    = 64 << 10
	roundTrips   = 2000
	getRound     = 700 * time.Millisecond
	getClients   = 8
	idleTunnels  = 500
)

func BenchmarkFigures(b *testing.B) {
	for b.Loop() {
		s := newStage(b)
		figures := slices.Concat(s.bulk(b), s.roundTrips(b), s.gets(b), s.idle(b))
		for _, f := range figures {
			b.Logf("%s: %.3f %s (%.3f..%.3f), goal %q", f.Name, f.Value, f.Unit, f.Spread[0], f.Spread[1], f.Goal)
		}
		if *figuresFile == "" {
			continue
		}
		data, err := json.MarshalIndent(figures, "", "  ")
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(*figuresFile, append(data, '\n'), 0o600); err != nil {
			b.Fatal(err)
		}
	}
}

// stage is MeshCentral's end here, and the ways to it.
type stage struct {
	mesh          *httptest.Server
	roots         *x509.CertPool
	ours, haproxy way
	straight      way
}

// way is how a browser gets to MeshCentral.
type way struct {
	address string // of whom it dials
	tls     *tls.Config
	prefix  string
	origin  string
	pid     int // whose CPU it costs; 0 for nobody's
}

func newStage(b *testing.B) *stage {
	b.Helper()
	s := &stage{mesh: httptest.NewUnstartedServer(http.HandlerFunc(serveBench)), roots: x509.NewCertPool()}
	s.mesh.StartTLS()
	b.Cleanup(func() { s.mesh.CloseClientConnections(); s.mesh.Close() })
	s.roots.AddCert(s.mesh.Certificate())
	at := s.mesh.Listener.Addr().String()
	s.straight = way{address: at, tls: &tls.Config{RootCAs: s.roots, ServerName: "example.com", MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}, origin: "https://" + at}
	s.ours = startOurs(b, s.mesh)
	s.haproxy = startHAProxy(b, s.mesh)
	return s
}

// serveBench stands for MeshCentral: a small file, a device that sends without end, and one that echoes.
func serveBench(w http.ResponseWriter, r *http.Request) {
	if !strings.HasSuffix(r.URL.Path, "/meshrelay.ashx") {
		w.Header().Set("Content-Type", "text/css")
		_, _ = w.Write(make([]byte, 1024))
		return
	}
	conn, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+accept(r.Header.Get("Sec-Websocket-Key"))+"\r\n\r\n")
	if _, err := io.ReadFull(rw, make([]byte, 7)); err != nil { // the kind of the tunnel
		return
	}
	if r.URL.Query().Get("id") == "echo" {
		echoFrames(conn, rw.Reader)
		return
	}
	frame := append([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0}, make([]byte, bulkFrame)...)
	for err == nil {
		_, err = conn.Write(frame)
	}
}

const echoSize = 16

func echoFrames(conn net.Conn, reader io.Reader) {
	in, out := make([]byte, 6+echoSize), make([]byte, 2+echoSize)
	out[0], out[1] = 0x82, echoSize
	for {
		if _, err := io.ReadFull(reader, in); err != nil {
			return
		}
		for i := range echoSize {
			out[2+i] = in[6+i] ^ in[2+i&3]
		}
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

// benchProxy is in the environment of the process that is the proxy: MeshCentral's address and pin.
const benchProxy = "MESHSSO_BENCH_PROXY"

func startOurs(b *testing.B, mesh *httptest.Server) way {
	b.Helper()
	sum := sha256.Sum256(mesh.Certificate().Raw)
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), benchProxy+"="+mesh.URL+" "+hex.EncodeToString(sum[:]))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	stdin, err := cmd.StdinPipe() // held open: the process ends with it
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stdin.Close(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	address = strings.TrimSpace(address)
	return way{address: address, prefix: proxy.Prefix + token, origin: "http://" + address, pid: cmd.Process.Pid}
}

// runBenchProxy is the process that is the proxy.
func runBenchProxy(where string) error {
	address, pin, _ := strings.Cut(where, " ")
	up, err := upstream.New(upstream.Config{URL: address, Pin: pin})
	if err != nil {
		return err
	}
	table, err := meshbridge.NewPolicy()
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p, err := proxy.New(proxy.Config{
		Sessions: &sessions{live: newLive()}, Identity: identity{}, Upstream: up, Policy: table, Seal: [32]byte{1}, Dashboards: []string{"http://" + l.Addr().String()},
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(proxy.Prefix, p)
	mux.HandleFunc("/memory", func(w http.ResponseWriter, _ *http.Request) {
		debug.FreeOSMemory()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		_, _ = fmt.Fprint(w, m.HeapAlloc+m.StackInuse)
	})
	fmt.Println(l.Addr())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); os.Exit(0) }()
	return (&http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}

func startHAProxy(b *testing.B, mesh *httptest.Server) way {
	b.Helper()
	path, err := exec.LookPath("haproxy")
	if err != nil {
		b.Fatal("Debian's package haproxy is needed: ", err)
	}
	ca := filepath.Join(b.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: mesh.Certificate().Raw}), 0o600); err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	port := func(a string) string { _, p, _ := net.SplitHostPort(a); return p }
	cmd := exec.CommandContext(b.Context(), path, "-db", "-f", "../../bench/haproxy.cfg")
	cmd.Env = append(os.Environ(), "BENCH_FRONT="+port(address), "BENCH_MESH="+port(mesh.Listener.Addr().String()), "BENCH_CA="+ca)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 500 {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return way{address: address, origin: "http://" + address, pid: cmd.Process.Pid}
		}
		runtime.Gosched()
		<-time.After(10 * time.Millisecond)
	}
	b.Fatal("HAProxy does not listen")
	return way{}
}

func (w way) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", w.address)
	if err != nil || w.tls == nil {
		return conn, err
	}
	return tls.Client(conn, w.tls), nil
}

// tunnel opens one and says its kind.
func (w way) tunnel(b *testing.B, id string) (net.Conn, *bufio.Reader) {
	b.Helper()
	conn, err := w.dial(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	ask := "GET " + w.prefix + "/meshrelay.ashx?p=5&nodeid=" + ownNode + "&id=" + id + " HTTP/1.1\r\nHost: " + w.address + "\r\nOrigin: " + w.origin + "\r\nCookie: " + proxy.SessionCookie + "=" + cookieText +
		"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	if _, err := io.WriteString(conn, ask); err != nil {
		b.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	res, err := http.ReadResponse(reader, nil)
	if err != nil {
		b.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusSwitchingProtocols {
		b.Fatal(res.Status)
	}
	if _, err := conn.Write([]byte{0x81, 0x81, 0, 0, 0, 0, '5'}); err != nil {
		b.Fatal(err)
	}
	return conn, reader
}

// cpu gives the CPU seconds that a process took so far.
func cpu(b *testing.B, pid int) float64 {
	b.Helper()
	if pid == 0 {
		return 0
	}
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+2:]))
	user, err1 := strconv.ParseFloat(fields[11], 64)
	system, err2 := strconv.ParseFloat(fields[12], 64)
	if err := errors.Join(err1, err2); err != nil {
		b.Fatal(err)
	}
	return (user + system) / 100 // USER_HZ
}

// down gives MiB a second of what a device sends, and CPU seconds a GiB.
func (w way) down(b *testing.B) (rate, cost float64) {
	conn, reader := w.tunnel(b, "bulk")
	defer func() { _ = conn.Close() }()
	buffer := make([]byte, 256<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(reader, 16<<20)}, buffer); err != nil {
		b.Fatal(err)
	}
	before, start := cpu(b, w.pid), time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{io.LimitReader(conn, bulkBytes)}, buffer)
	if err != nil || n != bulkBytes {
		b.Fatal(n, err)
	}
	took := time.Since(start).Seconds()
	return bulkBytes / took / (1 << 20), (cpu(b, w.pid) - before) / bulkBytes * (1 << 30)
}

func (s *stage) bulk(b *testing.B) []figure {
	ways := []way{s.straight, s.ours, s.haproxy}
	var rates, costs [3][]float64
	for range figureRounds {
		for i, w := range ways {
			rate, cost := w.down(b)
			rates[i], costs[i] = append(rates[i], rate), append(costs[i], cost)
		}
	}
	raw := map[string]any{"direct_mib_s": rates[0], "proxy_mib_s": rates[1], "haproxy_mib_s": rates[2], "proxy_cpu_s_per_gib": costs[1], "haproxy_cpu_s_per_gib": costs[2], "bytes": bulkBytes}
	return []figure{
		ratios("session proxy: WebSocket bulk ÷ direct", "ratio of rates", "WebSocket bulk ÷ direct: ≥ 0.45", rates[1], rates[0], raw),
		ratios("session proxy: WebSocket bulk ÷ HAProxy with 64 KiB buffers", "ratio of rates", "WebSocket bulk ÷ HAProxy: ≥ 0.9", rates[1], rates[2], raw),
		ratios("session proxy: CPU a GiB ÷ HAProxy's", "ratio of CPU times", "CPU a GiB ÷ HAProxy's: ≤ 1", costs[1], costs[2], raw),
	}
}

// echo gives the median of a small frame's round trips, in µs.
func (w way) echo(b *testing.B) float64 {
	conn, reader := w.tunnel(b, "echo")
	defer func() { _ = conn.Close() }()
	frame := append([]byte{0x82, 0x80 | echoSize, 1, 2, 3, 4}, make([]byte, echoSize)...)
	back := make([]byte, 2+echoSize)
	var took []float64
	for range roundTrips {
		start := time.Now()
		if _, err := conn.Write(frame); err != nil {
			b.Fatal(err)
		}
		if _, err := io.ReadFull(reader, back); err != nil {
			b.Fatal(err)
		}
		took = append(took, float64(time.Since(start).Nanoseconds())/1000)
	}
	return median(took)
}

func (s *stage) roundTrips(b *testing.B) []figure {
	var ours, theirs, straight []float64
	for range figureRounds {
		ours, theirs, straight = append(ours, s.ours.echo(b)), append(theirs, s.haproxy.echo(b)), append(straight, s.straight.echo(b))
	}
	raw := map[string]any{"proxy_us": ours, "haproxy_us": theirs, "direct_us": straight}
	return []figure{ratios("session proxy: small-frame round trip ÷ HAProxy's", "ratio of p50", "Small-frame round trip ÷ HAProxy's: ≤ 1.15", ours, theirs, raw)}
}

// files gives how many small files a second some connections get.
func (w way) files(b *testing.B) float64 {
	transport := &http.Transport{MaxIdleConnsPerHost: getClients, TLSClientConfig: w.tls}
	defer transport.CloseIdleConnections()
	scheme := "http"
	if w.tls != nil {
		scheme = "https"
	}
	var done atomic.Int64
	var all sync.WaitGroup
	get := func() bool {
		r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, scheme+"://"+w.address+w.prefix+"/styles/style.css", nil)
		if err != nil {
			return false
		}
		r.Header.Set("Cookie", proxy.SessionCookie+"="+cookieText)
		res, err := transport.RoundTrip(r)
		if err != nil {
			return false
		}
		n, err := io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		return err == nil && n == 1024 && res.StatusCode == http.StatusOK
	}
	start := time.Now()
	for range getClients {
		all.Go(func() {
			for time.Since(start) < getRound {
				if !get() {
					b.Error("a small file did not come")
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	return float64(done.Load()) / time.Since(start).Seconds()
}

func (s *stage) gets(b *testing.B) []figure {
	var ours, straight []float64
	for range figureRounds {
		ours, straight = append(ours, s.ours.files(b)), append(straight, s.straight.files(b))
	}
	return []figure{ratios("session proxy: small GET ÷ direct", "ratio of rates", "Small GET ÷ direct: ≥ 0.2", ours, straight, map[string]any{"proxy_per_second": ours, "direct_per_second": straight})}
}

func (w way) memory(b *testing.B) float64 {
	b.Helper()
	res, err := http.Get("http://" + w.address + "/memory")
	if err != nil {
		b.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	n, err2 := strconv.ParseFloat(string(text), 64)
	if err := errors.Join(err, err2); err != nil {
		b.Fatal(err)
	}
	return n
}

// idle gives what a tunnel costs the proxy's process while nothing goes through it: heap in use after a collection, and stacks.
func (s *stage) idle(b *testing.B) []figure {
	var rounds []float64
	for range 3 {
		before := s.ours.memory(b)
		var open []net.Conn
		for range idleTunnels {
			conn, _ := s.ours.tunnel(b, "echo")
			open = append(open, conn)
		}
		rounds = append(rounds, (s.ours.memory(b)-before)/idleTunnels/1024)
		for _, conn := range open {
			_ = conn.Close()
		}
	}
	return []figure{{
		Name: "session proxy: memory of an idle tunnel", Value: median(rounds), Unit: "KiB", Goal: "Idle tunnel: ≤ 32 KiB", Spread: [2]float64{slices.Min(rounds), slices.Max(rounds)},
		Raw: map[string]any{"rounds": rounds, "tunnels": idleTunnels},
	}}
}

func ratios(name, unit, goal string, ours, theirs []float64, raw map[string]any) figure {
	var out []float64
	for i := range ours {
		if theirs[i] > 0 && !math.IsNaN(ours[i]) {
			out = append(out, ours[i]/theirs[i])
		}
	}
	return figure{Name: name, Value: median(out), Unit: unit, Goal: goal, Spread: [2]float64{slices.Min(out), slices.Max(out)}, Raw: raw}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
