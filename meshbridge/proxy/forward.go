package proxy

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	copyBuffer = 64 << 10
	maxText    = 4 << 20
)

// errand is what a forwarded request is for.
type errand struct {
	ctx   context.Context // the browser's request and its session
	v     *visit
	kind  kindOfAnswer
	query string
}

type errandKey struct{}

// forward sends a request on and streams or rewrites the answer.
func (v *visit) forward(w http.ResponseWriter, r *http.Request, kind kindOfAnswer, query string) {
	e := &errand{v: v, kind: kind, query: query}
	ctx, cancel := context.WithCancel(context.WithValue(r.Context(), errandKey{}, e))
	defer cancel()
	e.ctx = ctx
	if kind == asFile { // what a device sends ends with the session
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-v.live.Done():
				cancel()
			case <-stop:
			}
		}()
	}
	v.p.forwarder.ServeHTTP(&patient{ResponseWriter: w, control: http.NewResponseController(w), stall: v.p.cfg.Limits.Stall}, r.WithContext(ctx))
}

// outgoing makes the request that MeshCentral gets.
func (v *visit) outgoing(ctx context.Context, method, query string, h http.Header) (*http.Request, error) {
	base := v.p.cfg.Upstream.URL()
	u := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: v.person.DomainURL + v.target.rest, RawQuery: query}
	out, err := http.NewRequestWithContext(ctx, method, u.String(), nil)
	if err != nil {
		return nil, err
	}
	out.Header = h
	out.Header.Set("Accept-Encoding", "identity")
	if isStatic(v.target.rest) { // everybody gets it
		return out, nil
	}
	if err := v.p.cfg.Identity.Identify(ctx, v.session, out); err != nil {
		return nil, fmt.Errorf("an identity for the session: %w", err)
	}
	return out, nil
}

// carrier is the transport of forwarded requests: it makes each anew.
type carrier struct{ p *Proxy }

func (c carrier) RoundTrip(in *http.Request) (*http.Response, error) {
	e, ok := in.Context().Value(errandKey{}).(*errand)
	if !ok {
		return nil, errUnexpected
	}
	h := pick(in.Header, requestHeaders)
	if e.kind != asIs && e.kind != asFile {
		for _, name := range conditions {
			h.Del(name)
		}
	}
	method := in.Method
	if method == http.MethodHead && e.kind == asPage {
		method = http.MethodGet // whether the page is the reviewed one shows in its body
	}
	// Not in.Context(): httputil waits there for informational answers, to hand their headers out.
	out, err := e.v.outgoing(e.ctx, method, e.query, h)
	if err != nil {
		return nil, err
	}
	res, err := c.p.transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	// A copy: trailers are set on the original when the body ends, and httputil would hand them out.
	bare := *res
	bare.Trailer = nil
	return &bare, nil
}

func (p *Proxy) newForwarder() http.Handler {
	return &httputil.ReverseProxy{
		Rewrite:        func(*httputil.ProxyRequest) {}, // carrier makes the request; without Director nothing is added
		Transport:      carrier{p},
		FlushInterval:  -1,
		BufferPool:     &buffers{},
		ModifyResponse: p.modify,
		ErrorHandler:   p.failForwarded,
		ErrorLog:       slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
	}
}

func (p *Proxy) failForwarded(w http.ResponseWriter, r *http.Request, err error) {
	if e, ok := r.Context().Value(errandKey{}).(*errand); ok {
		err = e.v.because(r.Context(), err)
	}
	p.fail(w, r, err)
}

// modify decides what of an answer goes out.
func (p *Proxy) modify(res *http.Response) error {
	e, ok := res.Request.Context().Value(errandKey{}).(*errand)
	if !ok {
		return errUnexpected
	}
	from := res.Header
	res.Header = pick(from, responseHeaders)
	if err := e.decode(res, from); err != nil {
		return err
	}
	switch {
	case res.StatusCode == http.StatusNotModified, res.StatusCode == http.StatusRequestedRangeNotSatisfiable, res.StatusCode == http.StatusPreconditionFailed:
		return e.empty(res)
	case res.StatusCode >= 300 && res.StatusCode < 400:
		return e.redirect(res, from)
	case res.StatusCode == http.StatusNotFound && e.kind == asIs:
		return &problemNotFound
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusPartialContent:
		p.counts.note(res.Request.Context(), surfaceAnswer, "page", "STATUS_"+strconv.Itoa(res.StatusCode/100)+"xx", e.v.session.ID)
		return errUnexpected
	}
	return e.body(res)
}

// decode undoes a coding that was not asked for.
func (e *errand) decode(res *http.Response, from http.Header) error {
	switch strings.ToLower(from.Get("Content-Encoding")) {
	case "", "identity":
		return nil
	case "gzip":
		if res.Body == http.NoBody || res.Request.Method == http.MethodHead {
			break
		}
		z, err := gzip.NewReader(res.Body)
		if err != nil {
			return errUnexpected
		}
		res.Body = struct {
			io.Reader
			io.Closer
		}{z, res.Body}
	default:
		return errUnexpected
	}
	// Lengths, ranges and etags are of the coded bytes.
	for _, name := range []string{"Content-Length", "Etag", "Accept-Ranges", "Content-Range"} {
		res.Header.Del(name)
	}
	res.ContentLength = -1
	if res.StatusCode == http.StatusPartialContent {
		return errUnexpected
	}
	return nil
}

func (e *errand) empty(res *http.Response) error {
	_ = res.Body.Close()
	res.Body, res.ContentLength = http.NoBody, 0
	res.Header.Del("Content-Length")
	return nil
}

// redirect leads an address of MeshCentral's below the session's path, if it is one that the proxy carries.
func (e *errand) redirect(res *http.Response, from http.Header) error {
	_ = e.empty(res)
	base := e.v.p.cfg.Upstream.URL()
	to, err := res.Request.URL.Parse(from.Get("Location"))
	if err != nil || from.Get("Location") == "" || to.Host != base.Host || to.Scheme != base.Scheme {
		e.v.p.counts.note(res.Request.Context(), surfaceAnswer, "location", "LOCATION_FOREIGN", e.v.session.ID)
		return errUnexpected
	}
	rest, ok := strings.CutPrefix(to.Path, e.v.person.DomainURL)
	if _, listed := paths[rest]; !ok || !listed || paths[rest] == asLeft || paths[rest] == asSocket {
		e.v.p.counts.note(res.Request.Context(), surfaceAnswer, "location", "LOCATION_UNKNOWN", e.v.session.ID)
		return errUnexpected
	}
	if to.Path == res.Request.URL.Path { // to the login form, by way of itself
		return errUnexpected
	}
	res.Header = http.Header{"Location": {e.v.prefix() + "/" + rest}} // its query may hold credentials
	return nil
}

func (e *errand) body(res *http.Response) error {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	switch e.kind {
	case asPage:
		return e.replace(res, maxPage, func(text []byte) ([]byte, bool) {
			if kind != "text/html" {
				return nil, false
			}
			return newEditor(e.v).rewrite(e.v.target.rest, text)
		})
	case asText:
		res.Header.Set("Content-Type", textType(kind))
		return e.replace(res, maxText, func(text []byte) ([]byte, bool) { return e.v.p.names.redact(text), kind != "text/html" })
	case asFile:
		// Nothing that a device sends is shown on this origin.
		res.Header.Set("Content-Type", "application/octet-stream")
		if d, _, err := mime.ParseMediaType(res.Header.Get("Content-Disposition")); err != nil || d != "attachment" {
			res.Header.Set("Content-Disposition", "attachment")
		}
		return nil
	}
	if kind == "text/html" || kind == "image/svg+xml" && !isStatic(e.v.target.rest) {
		return errUnexpected
	}
	return nil
}

func textType(kind string) string {
	switch kind {
	case "text/javascript", "application/javascript", "text/css", "text/csv", "application/octet-stream":
		return kind
	}
	return "text/plain; charset=utf-8"
}

// replace reads an answer whole and puts another in its place.
func (e *errand) replace(res *http.Response, most int64, with func([]byte) ([]byte, bool)) error {
	text, err := io.ReadAll(io.LimitReader(res.Body, most+1))
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	text, ok := with(text)
	if !ok || int64(len(text)) > 2*most {
		e.v.p.counts.note(res.Request.Context(), surfaceAnswer, "page", "PAGE_UNKNOWN", e.v.session.ID)
		return errUnexpected
	}
	for _, name := range []string{"Etag", "Last-Modified", "Accept-Ranges", "Content-Range"} {
		res.Header.Del(name)
	}
	res.StatusCode, res.ContentLength = http.StatusOK, int64(len(text))
	res.Header.Set("Content-Length", strconv.Itoa(len(text)))
	res.Body = io.NopCloser(bytes.NewReader(text))
	return nil
}

// patient ends a client that does not read: what a peer never takes must not be held for ever.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	until   time.Time
}

func (w *patient) Write(b []byte) (int, error) {
	if now := time.Now(); w.until.Sub(now) < w.stall/2 {
		w.until = now.Add(w.stall)
		_ = w.control.SetWriteDeadline(w.until) // a writer without deadlines has them elsewhere
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (w *patient) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// buffers is httputil's BufferPool.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if got, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return got[:]
	}
	return make([]byte, copyBuffer)
}

func (b *buffers) Put(buf []byte) {
	if len(buf) == copyBuffer {
		b.pool.Put((*[copyBuffer]byte)(buf))
	}
}
