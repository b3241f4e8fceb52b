// Package proxy is the way of one session's browser to MeshCentral: every HTTP request and WebSocket below
// /api/meshcentral/proxy/<token>/, with an identity that is put on server-side, and nothing of MeshCentral's own in the browser.
//
// What may pass is listed, both ways; the rest is refused, logged once a kind and counted. Requests, frames of the control
// channel and tunnels pass the table of meshbridge/policy, with the session's one device as the person's own. Pages are those
// that were reviewed (pages.go), answers of the control channel those that the page needs (answers.go); names and credentials
// of MeshCentral in them are replaced, and what looks otherwise than reviewed does not go out.
package proxy
