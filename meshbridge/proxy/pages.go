package proxy

import (
	"bytes"
	"regexp"
)

// page is one of MeshCentral's that was reviewed: how it is known, and where it names MeshCentral or carries credentials.
type page struct {
	// marks must all be in it. A page without them, such as a login form, is not the one that was asked for.
	marks []*regexp.Regexp
	edits []edit
}

// edit replaces what is between two parts that stay: groups 1 and 3 of the pattern around group 2.
type edit struct {
	at   *regexp.Regexp
	with func(e *editor, was []byte) []byte
}

// variable matches an assignment of a quoted text, in the readable pages and in the minified ones.
func variable(name string) *regexp.Regexp {
	return regexp.MustCompile(`(\b` + name + `\s*=\s*['"])([^'"\n]*)(['"])`)
}

func number(name string) *regexp.Regexp {
	return regexp.MustCompile(`(\b` + name + `\s*=\s*parseInt\(['"])([^'"\n]*)(['"]\))`)
}

var (
	authCookie      = variable("authCookie")
	authRelayCookie = variable("authRelayCookie")
	publicNamePort  = variable("serverPublicNamePort")
	pageTitle       = regexp.MustCompile(`(?i)(<title>)([^<]*)(</title>)`)
)

// credentials are what every page with an identity carries.
var credentials = []edit{
	{authCookie, func(e *editor, was []byte) []byte { return e.seal(sealPage, was) }},
	{authRelayCookie, func(e *editor, was []byte) []byte { return e.seal(sealRelay, was) }},
	{publicNamePort, func(e *editor, was []byte) []byte { return e.publicName(was) }},
}

var pages = map[string]page{
	"": {
		marks: []*regexp.Regexp{authCookie, authRelayCookie, publicNamePort, number("features")},
		edits: append(append([]edit{}, credentials...), mainEdits...),
	},
	"xterm": {
		marks: []*regexp.Regexp{authCookie, authRelayCookie, publicNamePort},
		edits: credentials,
	},
	"messenger": {
		marks: []*regexp.Regexp{variable("meshMessengerTitle"), variable("webrtcconfiguration")},
		edits: []edit{
			{pageTitle, func(e *editor, _ []byte) []byte { return e.title }},
			{variable("webrtcconfiguration"), blank},
		},
	},
	// A file that is the same for everybody: it has no names, which is looked at all the same.
	"commander.ashx": {marks: []*regexp.Regexp{regexp.MustCompile(`(?i)MeshCommander`)}},
}

func blank(*editor, []byte) []byte { return nil }

// mainEdits are of the pages default, default3 and default-mobile, minified or not.
var mainEdits = []edit{
	{pageTitle, func(e *editor, was []byte) []byte { e.learnTitle(was); return e.title }},
	{regexp.MustCompile(`(apple-mobile-web-app-title"? content="?)([^">]*)("?>)`), func(e *editor, _ []byte) []byte { return e.title }},
	// What the operator wrote above the page: HTML of any kind.
	{regexp.MustCompile(`(<div style="?float:left"?>)([\s\S]*?)(</div>\s*<div class="?title"?[ >])`), blank},
	{regexp.MustCompile(`(<div class="?masthead-title"?[^>]*>)([\s\S]*?)(</div>\s*<div class="?masthead-titles-container)`), blank},
	{regexp.MustCompile(`(<div class="?title"?(?: onclick="?[^">]*"?)?>)([\s\S]*?)(</div>)`), func(e *editor, _ []byte) []byte { return e.title }},
	{regexp.MustCompile(`(<div class="?title2"?(?: onclick="?[^">]*"?)?>)([\s\S]*?)(</div>)`), blank},
	{regexp.MustCompile(`(text-shadow: ?1px 1px 2px #000;?">)([\s\S]*?)(</font></strong>)`), blank},
	{regexp.MustCompile(`(<div class="?footer1"?>)([\s\S]*?)(</div>\s*<div class="?footer2)`), blank},
	// Frames are allowed, by frame-ancestors: without this bit the page breaks out of one on another origin.
	{number("features"), func(_ *editor, was []byte) []byte { return setBit(was, 32) }},
	{variable("webRelayDns"), blank},
	{variable("webrtcconfiguration"), blank},
	// Who is signed in shows in the dashboard, and there one signs out.
	{regexp.MustCompile(`(logoutControls\s*=\s*JSON\.parse\(decodeURIComponent\(['"])([^'"\n]*)(['"]\)\))`), func(*editor, []byte) []byte { return []byte("%7B%7D") }},
	{regexp.MustCompile(`(<link rel="?manifest"? href="?)([^">\s]*)("?>)`), blank},
}

// apply makes the edits and says whether the page is the one that was reviewed.
func (p page) apply(e *editor, text []byte) ([]byte, bool) {
	for _, mark := range p.marks {
		if !mark.Match(text) {
			return nil, false
		}
	}
	for _, ed := range p.edits {
		text = ed.at.ReplaceAllFunc(text, func(match []byte) []byte {
			g := ed.at.FindSubmatch(match)
			return bytes.Join([][]byte{g[1], ed.with(e, g[2]), g[3]}, nil)
		})
	}
	return text, true
}
