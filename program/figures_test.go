package program

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/everydaytech/meshsso/internal/testpg"
	pb "github.com/everydaytech/meshsso/proto/meshsso/v1"
)

// The figures of the service, on the program's own wiring with a no-op service beside it:
//
//	go test -run '^$' -bench '^BenchmarkFigures$' -benchtime 1x ./program -figures FILE
//
// FILE gets a JSON array. Ratios are of one round; rounds alternate, so that a busy machine meets both sides.
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
	rounds      = 9
	warmClients = 16
	warmRound   = time.Second
	coldPerLap  = 300
)

func BenchmarkFigures(b *testing.B) {
	for b.Loop() {
		bed := newBed(b)
		figures := append([]figure{bed.warm(b)}, bed.cold(b)...)
		figures = append(append(figures, sessionFigure(b)), rulesFigures(b)...)
		for _, f := range figures {
			b.Logf("%s: %.3f %s (%.3f..%.3f), goal %q", f.Name, f.Value, f.Unit, f.Spread[0], f.Spread[1], f.Goal)
		}
		b.ReportMetric(figures[0].Value, "warm/noop")
		b.ReportMetric(figures[1].Value, "cold/query")
		if *figuresFile == "" {
			continue
		}
		data, err := json.MarshalIndent(figures, "", "  ")
		if err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(*figuresFile, append(data, '\n'), 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

// bed is a server with people enough for every cold call to meet a new one.
type bed struct {
	vars   map[string]string
	pg     *pgx.Conn
	people int // the next cold one
}

const benchPeople = 4 * (rounds + 1) * coldPerLap

// benchTenants have one person and one device each; a tenth of the laps meets a new one.
const benchTenants = (rounds + 1) * coldPerLap / 10

// noop is the cheapest unary service that gRPC can carry.
var noop = grpc.ServiceDesc{
	ServiceName: "bench.Noop", HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Call", Handler: func(_ any, ctx context.Context, dec func(any) error, unary grpc.UnaryServerInterceptor) (any, error) {
		in := &emptypb.Empty{}
		if err := dec(in); err != nil {
			return nil, err
		}
		return unary(ctx, in, &grpc.UnaryServerInfo{FullMethod: "/bench.Noop/Call"}, func(context.Context, any) (any, error) { return &emptypb.Empty{}, nil })
	}}},
}

func newBed(b *testing.B) *bed {
	b.Helper()
	db := testpg.New(b)
	db.Migrate(b)
	db.Exec(b, seedSQL)
	db.Exec(b, fmt.Sprintf(`insert into public.users select 1000 + n, 'Person' || n || '@acme.example', 'Person ' || n, '%s', 'technician', false, false from generate_series(1, %d) n`, tenantA, benchPeople))
	db.Exec(b, fmt.Sprintf(`insert into public.agents select 1000 + n, 'u' || n, 'host' || n, 'linux', '%s', 'node//' || rpad(n::text, 64, 'x') from generate_series(1, 200) n`, tenantA))
	db.Exec(b, fmt.Sprintf(`
insert into public.tenants select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'Tenant ' || n from generate_series(1, %[1]d) n;
insert into public.users select 100000 + n, 'owner' || n || '@x.example', 'Owner', ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'admin', false, false from generate_series(1, %[1]d) n;
insert into public.agents select 100000 + n, 'x', 'h', 'linux', ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, rpad('o' || n || 'o', 64, 'y') from generate_series(1, %[1]d) n`, benchTenants))
	// What the guide tells operators to make.
	db.Exec(b, `create index on public.users (lower(email::text collate "C")); create index on public.agents (tenant_id); analyze`)
	vars := varsFor(b, db)
	vars["MESHSSO_CACHE_SIZE"] = fmt.Sprint(2 * benchPeople)
	serveWithNoop(b, vars)
	return &bed{vars: vars, pg: db.Conn}
}

// serveWithNoop is serveCmd.Run with one more service.
func serveWithNoop(b *testing.B, vars map[string]string) {
	b.Helper()
	c := cli{}
	c.Serve.serveFlags = serveFlags{
		listenFlags: listenFlags{Listen: vars["MESHSSO_LISTEN"]}, Leeway: "30s", CacheTTL: "5m", CacheSize: fmt.Sprint(2 * benchPeople), QueryTimeout: "2s", Metrics: "off", DeviceRights: "links", LogLevel: "info",
	}
	cfg, err := c.Serve.readConfig(testEnv(vars, &syncBuffer{}))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := newApp(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	a.server.RegisterService(&noop, struct{}{})
	done := make(chan error, 1)
	go func() { done <- a.serve(ctx, cfg) }()
	b.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			b.Error(err)
		}
		a.pool.Close()
	})
	i := &instance{vars: vars, log: &syncBuffer{}}
	i.connect(b)
	i.awaitHealth(b, serving)
}

func (d *bed) dial(b *testing.B) *grpc.ClientConn {
	b.Helper()
	conn, err := grpc.NewClient(d.vars["MESHSSO_LISTEN"], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	return conn
}

func callNoop(ctx context.Context, conn *grpc.ClientConn) error {
	return conn.Invoke(ctx, "/bench.Noop/Call", &emptypb.Empty{}, &emptypb.Empty{})
}

// warm compares rates: 16 connections, each with one call at a time, as many as go.
func (d *bed) warm(b *testing.B) figure {
	var conns []*grpc.ClientConn
	for range warmClients {
		conns = append(conns, d.dial(b))
	}
	token := dashboardToken("person1@acme.example", tenantA, 1001, nil)
	validate := func(ctx context.Context, conn *grpc.ClientConn) error {
		_, err := pb.NewAuthServiceClient(conn).ValidateToken(ctx, &pb.ValidateTokenRequest{Token: token, Hook: pb.Hook_HOOK_ROOT, ClientIp: "192.0.2.7"})
		return err
	}
	rate(b, conns, warmRound/4, callNoop)
	rate(b, conns, warmRound/4, validate)
	var ratios, noops, validations []float64
	for range rounds {
		n, v := rate(b, conns, warmRound, callNoop), rate(b, conns, warmRound, validate)
		noops, validations, ratios = append(noops, n), append(validations, v), append(ratios, v/n)
	}
	return figure{
		Name: "Warm ValidateToken ÷ a no-op unary call on the same server, Go client, 16 connections", Value: median(ratios), Unit: "ratio of rates",
		Goal: "Warm ValidateToken ÷ a no-op unary call on the same server, Go client, 16 connections: ≥ 0.60", Spread: spread(ratios), Raw: map[string]any{"noop_per_second": noops, "validate_per_second": validations},
	}
}

// cold compares medians of single calls, one after the other: a person whom nobody asked for yet, against bare queries on
// a connection of their own. The kinds alternate call by call, so that none has the machine's caches to itself.
func (d *bed) cold(b *testing.B) []figure {
	client := pb.NewAuthServiceClient(d.dial(b))
	conn := d.dial(b)
	email := func() string {
		d.people++
		return fmt.Sprintf("person%d@acme.example", d.people)
	}
	validate := func() func() error {
		token := dashboardToken(email(), tenantA, 1000+d.people, nil)
		return func() error {
			_, err := client.ValidateToken(b.Context(), &pb.ValidateTokenRequest{Token: token, Hook: pb.Hook_HOOK_ROOT})
			return err
		}
	}
	query := func(sql string) func() func() error {
		return func() func() error {
			arg, v := email(), ""
			return func() error { return d.pg.QueryRow(b.Context(), sql, arg).Scan(&v) }
		}
	}
	kinds := []kind{
		{"cold_us", validate},
		{"select_user_by_email_us", query(`select email from meshsso.users where lower(email collate "C") = $1`)},
		{"select_constant_us", query(`select $1::text`)},
		{"noop_call_us", func() func() error { return func() error { return callNoop(b.Context(), conn) } }},
	}
	owners := 0
	newTenant := kind{"cold_tenant_us", func() func() error {
		owners++
		token := dashboardToken(fmt.Sprintf("owner%d@x.example", owners), fmt.Sprintf("00000000-0000-4000-8000-%012d", owners), 100000+owners, nil)
		return func() error {
			_, err := client.ValidateToken(b.Context(), &pb.ValidateTokenRequest{Token: token, Hook: pb.Hook_HOOK_ROOT})
			return err
		}
	}}
	laps(b, kinds, coldPerLap) // warms the connections and the tenant
	raw := map[string]any{}
	series := map[string][]float64{}
	for range rounds {
		for name, v := range laps(b, kinds, coldPerLap) {
			series[name] = append(series[name], v)
			raw[name] = series[name]
		}
		fully := laps(b, []kind{newTenant, kinds[1]}, coldPerLap/10)
		series["cold_tenant_us"] = append(series["cold_tenant_us"], fully["cold_tenant_us"])
		raw["cold_tenant_us"] = series["cold_tenant_us"]
	}
	against := func(name string) ([]float64, float64) {
		out := make([]float64, rounds)
		for i := range out {
			out[i] = series["cold_us"][i] / series[name][i]
		}
		return out, median(out)
	}
	byEmail, value := against("select_user_by_email_us")
	constant, least := against("select_constant_us")
	fully := make([]float64, rounds)
	for i := range fully {
		fully[i] = series["cold_tenant_us"][i] / series["select_user_by_email_us"][i]
	}
	return []figure{
		{
			Name:  "Cold ValidateToken (new person, warm tenant) ÷ one bare pgx query (the person's e-mail by e-mail), one connection, p50",
			Value: value, Unit: "ratio of medians", Goal: "Cold ÷ one bare pgx query, one connection, p50: ≤ 4.5", Spread: spread(byEmail), Raw: raw,
		},
		{
			Name:  "Cold ValidateToken ÷ the cheapest pgx query there is (a constant), one connection, p50",
			Value: least, Unit: "ratio of medians", Spread: spread(constant), Raw: raw,
		},
		{
			Name:  "Fully cold ValidateToken (new person of a new tenant: three queries) ÷ one bare pgx query, one connection, p50",
			Value: median(fully), Unit: "ratio of medians", Spread: spread(fully), Raw: raw,
		},
	}
}
