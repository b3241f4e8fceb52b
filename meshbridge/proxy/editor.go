package proxy

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

//go:embed head.js
var headScript string

const (
	maxPage     = 8 << 20
	minTitle    = 4
	usualTitle  = "MeshCentral"
	rootInPages = "__ROOT__"
)

// editor makes one page fit for a browser.
type editor struct {
	v     *visit
	title []byte
	raw   [][]byte // credentials as they came: none of them may be left
	was   string   // the operator's title
}

func newEditor(v *visit) *editor { return &editor{v: v, title: []byte(v.p.cfg.Title)} }

func (e *editor) seal(purpose string, cookie []byte) []byte {
	if len(cookie) > 0 {
		e.raw = append(e.raw, bytes.Clone(cookie))
	}
	return []byte(e.v.p.seal.seal(e.v.session.ID, purpose, string(cookie)))
}

func (e *editor) publicName(was []byte) []byte {
	e.v.p.names.learn(hostOf(string(was)))
	return []byte(e.v.site.host)
}

func setBit(was []byte, bit uint64) []byte {
	n, err := strconv.ParseUint(string(was), 10, 64)
	if err != nil {
		return was
	}
	return strconv.AppendUint(nil, n|bit, 10)
}

// lead puts the session's path before addresses at the server's root, in markup and in script that writes markup.
func (e *editor) lead(text []byte) []byte {
	prefix := e.v.prefix()
	for _, name := range []string{"href=", "src=", "action="} {
		var out []byte
		from := 0
		for at := 0; ; {
			i := bytes.Index(text[at:], []byte(name))
			if i < 0 {
				break
			}
			i += at
			at = i + len(name)
			root := at + skipQuote(text[at:])
			if i > 0 && strings.IndexByte(" \t\r\n\"'", text[i-1]) >= 0 && root+1 < len(text) && text[root] == '/' && isWord(text[root+1]) {
				out = append(append(out, text[from:root]...), prefix...)
				from = root
			}
		}
		text = append(out, text[from:]...)
	}
	return text
}

func skipQuote(text []byte) int {
	n := 0
	if n < len(text) && text[n] == '\\' {
		n++
	}
	if n < len(text) && (text[n] == '"' || text[n] == '\'') {
		n++
	}
	return n
}

// rewrite gives what the browser gets for a page; false if it is not the one that was reviewed, or a credential is left.
func (e *editor) rewrite(rest string, text []byte) ([]byte, bool) {
	known, ok := pages[rest]
	if !ok {
		return nil, false
	}
	text, ok = known.apply(e, bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	if !ok {
		return nil, false
	}
	text = e.replaceTitle(text)
	text = e.lead(text)
	text = e.v.p.names.redact(text)
	for _, secret := range e.raw {
		if bytes.Contains(text, secret) {
			return nil, false
		}
	}
	return e.inject(text)
}

// replaceTitle takes the operator's title out of the page's scripts, where it is encoded, and elsewhere if no script could
// mean anything else by it.
func (e *editor) replaceTitle(text []byte) []byte {
	if e.was == "" || e.was == usualTitle {
		return text
	}
	encoded := encodeComponent(e.was)
	for _, quote := range []string{"'", `"`} {
		for _, form := range []string{encoded, strings.ReplaceAll(encoded, "'", `\'`)} {
			text = bytes.ReplaceAll(text, []byte("decodeURIComponent("+quote+form+quote+")"), []byte("decodeURIComponent("+quote+encodeComponent(string(e.title))+quote+")"))
		}
	}
	if len(e.was) >= minTitle && strings.ContainsAny(e.was, " -.&") {
		text = bytes.ReplaceAll(text, []byte(e.was), e.title)
	}
	return text
}

// encodeComponent is JavaScript's encodeURIComponent.
func encodeComponent(text string) string {
	return strings.NewReplacer("+", "%20", "%21", "!", "%27", "'", "%28", "(", "%29", ")", "%2A", "*").Replace(url.QueryEscape(text))
}

var headTag = regexp.MustCompile(`(?i)<head(?:\s[^>]*)?>|<html(?:\s[^>]*)?>`)

// inject puts the script before every other one.
func (e *editor) inject(text []byte) ([]byte, bool) {
	root, err := json.Marshal(e.v.prefix())
	if err != nil {
		return nil, false
	}
	at := headTag.FindAllIndex(text[:min(len(text), 4096)], 2)
	if len(at) == 0 {
		return nil, false
	}
	end := at[len(at)-1][1]
	script := "<script>" + strings.Replace(headScript, rootInPages, string(root), 1) + "</script>"
	return bytes.Join([][]byte{text[:end], []byte(script), text[end:]}, nil), true
}
