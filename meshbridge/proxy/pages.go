package proxy

import (
	"bytes"
	"regexp"
)

// page is one of MeshCentral's that was reviewed: how it is known, and where it names MeshCentral or carries credentials.
type page struct {
	mark  string // is in it
	edits []edit
}

// edit replaces what is between two parts that stay. In the readable pages and the minified ones, which quote differently.
type edit struct {
	anchor string         // where it may begin
	at     *regexp.Regexp // from the anchor on: groups 1 and 3 stay, group 2 is replaced
	with   func(e *editor, was []byte) []byte
	must   bool // a page without it is not the one that was asked for, but for example a login form
}

// farthest is how far an edit reaches.
const farthest = 64 << 10

// variable is an assignment of a quoted text.
func variable(name string, with func(*editor, []byte) []byte) edit {
	return edit{anchor: name, at: regexp.MustCompile(`^(` + name + `\s*=\s*['"])([^'"\n]*)(['"])`), with: with}
}

// call is an assignment of what a function makes of a quoted text.
func call(name, function string, with func(*editor, []byte) []byte) edit {
	f := regexp.QuoteMeta(function)
	return edit{anchor: name, at: regexp.MustCompile(`^(` + name + `\s*=\s*` + f + `\(['"])([^'"\n]*)(['"]\))`), with: with}
}

// between is everything from a tag on to what follows it, whatever tags the operator wrote there.
func between(anchor, rest, until string, with func(*editor, []byte) []byte) edit {
	return edit{anchor: anchor, at: regexp.MustCompile(`^(` + anchor + rest + `)([\s\S]*?)(` + until + `)`), with: with}
}

func (ed edit) needed() edit { ed.must = true; return ed }

func blank(*editor, []byte) []byte      { return nil }
func same(_ *editor, was []byte) []byte { return was }
func title(e *editor, _ []byte) []byte  { return e.title }

// credentials are what every page with an identity carries.
var credentials = []edit{
	variable("authCookie", func(e *editor, was []byte) []byte { return e.seal(sealPage, was) }).needed(),
	variable("authRelayCookie", func(e *editor, was []byte) []byte { return e.seal(sealRelay, was) }).needed(),
	variable("serverPublicNamePort", func(e *editor, was []byte) []byte { return e.publicName(was) }).needed(),
}

var pages = map[string]page{
	"":      {mark: "MeshServerCreateControl", edits: append(append([]edit{}, credentials...), mainEdits...)},
	"xterm": {mark: "MeshServerCreateControl", edits: credentials},
	"messenger": {edits: []edit{
		variable("meshMessengerTitle", same).needed(), variable("webrtcconfiguration", blank).needed(),
		between("<title>", "", "</title>", title),
	}},
	// A file that is the same for everybody: it has no names, which is looked at all the same.
	"commander.ashx": {mark: "MeshCommander"},
}

// mainEdits are of the pages default, default3 and default-mobile.
var mainEdits = []edit{
	between("<title>", "", "</title>", func(e *editor, was []byte) []byte { e.was = string(was); return e.title }).needed(),
	{anchor: "apple-mobile-web-app-title", at: regexp.MustCompile(`^(apple-mobile-web-app-title"? content=["']?)([^"'>]*?)(["']?>)`), with: title},
	// What the operator wrote above and below the page: HTML of any kind.
	between("<div style=", `"?float:left"?>`, `</div>\s*<div class="?title"?[ >]`, blank),
	between("<div class=", `"?masthead-title"?(?: [^>]*)?>`, `</div>\s*<div class="?masthead-titles-container`, blank),
	between("<div class=", `"?title"?(?: [^>]*)?>`, `</div>`, title),
	between("<div class=", `"?title2"?(?: [^>]*)?>`, `</div>`, blank),
	between("text-shadow:", ` ?1px 1px 2px #000;?">`, `</font></strong>`, blank),
	between("<div class=", `"?footer1"?>`, `</div>\s*<div class="?footer2`, blank),
	// Frames are allowed, by frame-ancestors: without this bit the page breaks out of one on another origin.
	call("features", "parseInt", func(_ *editor, was []byte) []byte { return setBit(was, 32) }).needed(),
	variable("webRelayDns", blank),
	variable("webrtcconfiguration", blank),
	// Who is signed in shows in the dashboard, and there one signs out.
	{anchor: "logoutControls", at: regexp.MustCompile(`^(logoutControls\s*=\s*JSON\.parse\(decodeURIComponent\(['"])([^'"\n]*)(['"]\)\))`), with: func(*editor, []byte) []byte { return []byte("%7B%7D") }},
	{anchor: "<link rel=", at: regexp.MustCompile(`^(<link rel="?manifest"? href="?)([^">\s]*)("?>)`), with: blank},
}

// apply makes the edits and says whether the page is the one that was reviewed.
func (p page) apply(e *editor, text []byte) ([]byte, bool) {
	if !bytes.Contains(text, []byte(p.mark)) {
		return nil, false
	}
	for _, ed := range p.edits {
		var hits int
		if text, hits = ed.apply(e, text); hits == 0 && ed.must {
			return nil, false
		}
	}
	return text, len(text) > 0
}

func (ed edit) apply(e *editor, text []byte) ([]byte, int) {
	anchor := []byte(ed.anchor)
	var out []byte
	hits, from := 0, 0
	for at := 0; ; {
		i := bytes.Index(text[at:], anchor)
		if i < 0 {
			break
		}
		i += at
		at = i + len(anchor)
		if i > 0 && isWord(anchor[0]) && isWord(text[i-1]) {
			continue
		}
		g := ed.at.FindSubmatchIndex(text[i:min(len(text), i+farthest)])
		if g == nil {
			continue
		}
		hits++
		out = append(append(out, text[from:i+g[4]]...), ed.with(e, text[i+g[4]:i+g[5]])...)
		from = i + g[5]
		at = i + g[1]
	}
	return append(out, text[from:]...), hits
}

func isWord(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}
