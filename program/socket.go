package program

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// unixListener is a listening socket and the lock on its place.
type unixListener struct {
	net.Listener
	lock *os.File
}

// Close removes the socket (net does) and then gives the lock back. The lock file stays: removing it would let two
// processes hold "the" lock.
func (l *unixListener) Close() error { return errors.Join(l.Listener.Close(), l.lock.Close()) }

// listenUnix opens a socket that nobody else can have put there or can take over: its directory is ours or root's and not
// open to the world, a lock keeps a second server away, and only a dead socket is ever removed.
func listenUnix(path string) (net.Listener, error) {
	if err := checkSocketDir(filepath.Dir(path), os.Geteuid()); err != nil {
		return nil, err
	}
	lock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	l, err := bindSocket(path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &unixListener{Listener: l, lock: lock}, nil
}

func checkSocketDir(dir string, ourUID int) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil { //nolint:gosec // only what is missing above our own directory
		return fmt.Errorf("the socket's directory: %w", err)
	}
	if err := os.Mkdir(dir, 0o750); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("the socket's directory: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return fmt.Errorf("the socket's directory: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case info.Mode()&os.ModeSymlink != 0:
		return fmt.Errorf("the socket's directory %s is a symbolic link: name the real directory", dir)
	case !info.IsDir() || !ok:
		return fmt.Errorf("the socket's directory %s is not a directory", dir)
	case info.Mode().Perm()&0o002 != 0:
		return fmt.Errorf("the socket's directory %s is writable by everybody, so anybody could answer in our name: use one of mode 0750", dir)
	case st.Uid != 0 && int(st.Uid) != ourUID:
		return fmt.Errorf("the socket's directory %s belongs to uid %d: it must belong to us (uid %d) or root", dir, st.Uid, ourUID)
	}
	return nil
}

func lockSocket(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_CLOEXEC, 0o600) //nolint:gosec // the operator names the place
	if err != nil {
		return nil, fmt.Errorf("the socket's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another meshsso serves %s (its lock is held): stop it or choose another --listen", path), f.Close())
	}
	return f, nil
}

func bindSocket(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	// Never wider than 0660, not even between bind and chmod.
	old := syscall.Umask(0o117)
	l, err := net.Listen("unix", path)
	syscall.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("--listen unix://%s: %w", path, err)
	}
	if err := os.Chmod(path, 0o660); err != nil { //nolint:gosec // the shim's group must connect
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the socket's place: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("%s exists and is not a socket: it is left alone, choose another --listen", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return fmt.Errorf("something answers on %s already: stop it or choose another --listen", path)
	}
	// Only "nobody listens" proves that it is dead.
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%s exists and cannot be tried: %w", path, err)
	}
	return os.Remove(path)
}
