package program

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
)

// listenAddr is where the gRPC server listens: a unix socket, or TCP with or without mutual TLS.
type listenAddr struct {
	network string // "unix" or "tcp"
	address string // an absolute path or host:port
	tls     *tls.Config
}

// readListen reads --listen and the TLS flags. Anything but a socket or loopback needs mutual TLS.
func (f listenFlags) readListen() (listenAddr, error) {
	a, err := parseListen(f.Listen)
	if err != nil {
		return a, err
	}
	given := 0
	for _, file := range []string{f.TLSCert, f.TLSKey, f.TLSClientCA} {
		if file != "" {
			given++
		}
	}
	switch {
	case given == 0 && !a.private():
		return a, fmt.Errorf("--listen %s can be reached from other machines: give --tls-cert, --tls-key and --tls-client-ca, or use a unix socket or 127.0.0.1", f.Listen)
	case given == 0:
		return a, nil
	case a.network == "unix":
		return a, errors.New("--tls-cert, --tls-key and --tls-client-ca have no meaning with a unix socket: drop them")
	case given < 3:
		return a, errors.New("--tls-cert, --tls-key and --tls-client-ca belong together: give all three")
	}
	a.tls, err = f.serverTLS()
	return a, err
}

func parseListen(text string) (listenAddr, error) {
	if path, ok := strings.CutPrefix(text, "unix://"); ok {
		if !strings.HasPrefix(path, "/") || len(path) > 100 {
			return listenAddr{}, fmt.Errorf("--listen %s: a unix socket needs an absolute path of at most 100 bytes, such as unix:///run/meshsso/auth.sock", text)
		}
		return listenAddr{network: "unix", address: path}, nil
	}
	address, ok := strings.CutPrefix(text, "tcp://")
	if _, port, err := net.SplitHostPort(address); !ok || err != nil || port == "" {
		return listenAddr{}, fmt.Errorf("--listen %s must be unix:///PATH or tcp://HOST:PORT", text)
	}
	return listenAddr{network: "tcp", address: address}, nil
}

// private says that only this machine reaches the address.
func (a listenAddr) private() bool {
	if a.network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(a.address)
	return err == nil && isLoopback(host)
}

func (f listenFlags) serverTLS() (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert and --tls-key: %w", err)
	}
	pem, err := os.ReadFile(f.TLSClientCA)
	if err != nil {
		return nil, fmt.Errorf("--tls-client-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("--tls-client-ca: %s holds no PEM certificate", f.TLSClientCA)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{cert}, ClientCAs: pool,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
	}, nil
}

// listen opens the address; close the result to give it back.
func (a listenAddr) listen() (net.Listener, error) {
	if a.network == "unix" {
		return listenUnix(a.address)
	}
	l, err := net.Listen("tcp", a.address)
	if err != nil {
		return nil, fmt.Errorf("--listen tcp://%s: %w", a.address, err)
	}
	return l, nil
}
