package session

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
)

// problem is an RFC 9457 problem with our two members: a stable code, and a message for a person. `success` is for clients of
// the old backend, which look at nothing else.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Success bool   `json:"success"`
}

// WriteError answers a refusal as application/problem+json. Anything but a *Error is answered as one that tells nothing.
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	if e.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeJSON(w, e.Status, "application/problem+json", problem{
		Type: "about:blank", Title: http.StatusText(e.Status), Status: e.Status, Code: e.Code, Message: e.Message,
	})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, v any) {
	data, err := json.Marshal(v)
	if err != nil { // nothing that is answered here can fail to be JSON
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	w.WriteHeader(status)
	_, _ = w.Write(data)
}
