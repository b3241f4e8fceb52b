// Package embed serves what a dashboard loads to show a device inside itself: the custom element and its React wrapper.
package embed

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"time"
)

// dist is made from src by `make generate` (esbuild, modules joined into one file and nothing else).
//
//go:embed dist/*.js
var dist embed.FS

// Path is where the files are served. The element takes the API to be beside them.
const Path = "/api/meshcentral/"

var names = []string{"embed.js", "embed-react.js"}

// Register has mux serve Handler at the paths of the files, and at no other.
func Register(mux *http.ServeMux) {
	for _, name := range names {
		mux.Handle(Path+name, Handler())
	}
}

// Handler answers GET and HEAD for Path+"embed.js" and Path+"embed-react.js". The files are the same for everybody and hold no
// secret, so any origin may load them.
//
// Each has a strong ETag, the SHA-256 of its bytes, and is asked about anew each time; with that value as the query "v"
// (embed.js?v=…) it may be kept for a year.
func Handler() http.Handler {
	mux := http.NewServeMux()
	for _, name := range names {
		mux.Handle("GET "+Path+name, file(name))
	}
	return mux
}

func file(name string) http.HandlerFunc {
	body, err := fs.ReadFile(dist, "dist/"+name)
	if err != nil {
		panic(err) // the compiler put it there
	}
	sum := sha256.Sum256(body)
	version := hex.EncodeToString(sum[:])
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "text/javascript; charset=utf-8")
		h.Set("ETag", `"`+version+`"`)
		h.Set("Cache-Control", "public, no-cache")
		if r.URL.Query().Get("v") == version {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Access-Control-Allow-Origin", "*") // a module script is always asked for with CORS
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	}
}
