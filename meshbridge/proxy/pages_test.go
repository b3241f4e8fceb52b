package proxy_test

import (
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/everydaytech/meshsso/meshbridge/proxy"
	"github.com/everydaytech/meshsso/meshbridge/proxy/leaktest"
)

var meshcentral = flag.String("meshcentral", "", "folder of an installed MeshCentral, whose pages TestRealPages rewrites")

// values are what MeshCentral would put into its templates; those of secrets must not reach a browser.
var secrets = map[string]string{
	"serverDnsName": "mesh-4711.internal.example", "serverPublicPort": "44831", "authCookie": "PageCookie0123456789@$abcdef", "authRelayCookie": "RelayCookie0123456789@$abcdef",
	"title": "Zentrale 4711 & Co", "title1": "Zentrale One 4711", "title2": "Zentrale Two 4711", "extitle": "Zentrale%204711%20%26%20Co",
	"footer": `<p>operated by <a href="https://mesh-4711.internal.example:44831/imprint"><div>mesh-4711</div></a>`, "titlehtml": `<div><img src="/x.png">operator html 4711</div>`,
	"webRelayDns": "relay-4711.internal.example", "webrtcconfig": "%7B%22iceServers%22%3A%22turn-4711%22%7D", "logoutControls": "%7B%22logoutUrl%22%3A%22%2Flogout%3F4711%22%7D",
}

var harmlessValues = map[string]string{
	"domainurl": "/", "domain": "", "min": "", "features": "4", "features2": "0", "sessiontime": "60", "debuglevel": "0", "randomlength": "AAAA", "webRelayPort": "0", "pluginHandler": "null",
	"meshMessengerTitle": "T", "name": "device", "currentNode": "", "viewmode": "", "lang": "en", "username": "u", "userid": "u",
}

func render(text string) string {
	return regexp.MustCompile(`\{\{\{?([A-Za-z0-9]+)\}\}\}?`).ReplaceAllStringFunc(text, func(m string) string {
		name := strings.Trim(m, "{}")
		if v, ok := secrets[name]; ok {
			return v
		}
		return harmlessValues[name]
	})
}

func scannerOfSecrets() *leaktest.Scanner {
	all := map[string]string{"bare port": ":44831"}
	for name, v := range secrets {
		if name != "serverPublicPort" && name != "titlehtml" && name != "footer" {
			all[name] = v
		}
	}
	all["operator's html"] = "operator html 4711"
	all["footer"] = "imprint"
	return leaktest.New(all)
}

// e2e/test/pages.test.js runs it with the MeshCentral that it installs.
func TestRealPages(t *testing.T) {
	if *meshcentral == "" {
		t.Skip("no -meshcentral: e2e/test/pages.test.js runs this with an installed one")
	}
	for rest, views := range map[string][]string{
		"":                        {"default", "default-min", "default3", "default3-min", "default-mobile", "default-mobile-min"},
		"xterm?nodeid=" + ownNode: {"xterm", "xterm-min"},
		"messenger?id=meshmessenger/" + ownNode + "/" + me: {"messenger", "messenger-min"},
	} {
		for _, view := range views {
			t.Run(view, func(t *testing.T) {
				text, err := os.ReadFile(filepath.Join(*meshcentral, "views", view+".handlebars"))
				if err != nil {
					t.Fatal(err)
				}
				checkPage(t, rest, render(string(text)))
			})
		}
	}
	t.Run("commander", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(*meshcentral, "public", "commander.htm"))
		if err != nil {
			t.Fatal(err)
		}
		checkPage(t, "commander.ashx", string(text))
	})
}

func checkPage(t *testing.T, rest, text string) {
	t.Helper()
	b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Etag", `"x"`)
		_, _ = io.WriteString(w, text)
	}))
	res, got := b.get(rest)
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", res.StatusCode, got)
	}
	s := scannerOfSecrets()
	s.Search([]byte(got))
	for name, how := range s.Found() {
		t.Errorf("%s leaks, %s", name, how)
	}
	root := proxy.Prefix + token
	script := strings.Index(got, `var root = "`+root+`"`)
	first := strings.Index(got, "<script")
	if script < 0 || first < 0 || strings.Count(got[:script], "<script") != 1 {
		t.Error("the head script is not the first of the page")
	}
	// Nothing asks for the server's root any more.
	if m := regexp.MustCompile(`(?i)\s(?:href|src|action)=["']?/[A-Za-z0-9][^\s"'>]*`).FindAllString(got, -1); m != nil {
		for _, at := range m {
			if !strings.Contains(at, root) {
				t.Errorf("left at the root: %s", at)
			}
		}
	}
	if res.Header.Get("Etag") != "" || res.ContentLength != int64(len(got)) {
		t.Errorf("etag %q, length %d of %d", res.Header.Get("Etag"), res.ContentLength, len(got))
	}
	if rest == "" {
		for _, want := range []string{"meshsso1-", "<title>Remote session</title>", b.front.Listener.Addr().String()} {
			if !strings.Contains(got, want) {
				t.Errorf("the page has no %q", want)
			}
		}
		if !regexp.MustCompile(`\bfeatures\s*=\s*parseInt\(["']36["']\)`).MatchString(got) {
			t.Error("the page breaks out of frames")
		}
	}
}

// small is what is asked of a page, in little.
const small = `<!DOCTYPE html><html><head><title>Zentrale 4711 &amp; Co</title><link rel="apple-touch-icon" href="/favicon-303x303.png" /></head><body>
<div class="title" onclick="go(1,event)">Zentrale One 4711</div><form action=/restoreserver.ashx><script src='/scripts/a.js'></script>
<script>var meshserver = MeshServerCreateControl('/'); var features = parseInt('4'); var authCookie = 'PageCookie0123456789@$abcdef'; var authRelayCookie = 'RelayCookie0123456789@$abcdef';
var serverPublicNamePort = 'mesh-4711.internal.example:44831'; var y = "MESH-4711.internal.example";</script></body></html>`

func TestAPageThatWasNotReviewedDoesNotGoOut(t *testing.T) {
	for name, text := range map[string]string{
		"login form":         `<html><head><title>Login</title></head><body>mesh-4711.internal.example <form>`,
		"no cookie":          strings.Replace(small, "authCookie", "authC00kie", 1),
		"a cookie elsewhere": strings.Replace(small, "<body>", "<body>PageCookie0123456789@$abcdef", 1),
		"empty":              "",
		"no head":            strings.NewReplacer("<html>", "", "<head>", "").Replace(small),
		"not html":           "{}",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if name != "not html" {
					w.Header().Set("Content-Type", "text/html")
				}
				_, _ = io.WriteString(w, text)
			}))
			res, got := b.get("")
			if res.StatusCode != http.StatusBadGateway || !strings.Contains(got, "UPSTREAM_INVALID") {
				t.Errorf("%d %s", res.StatusCode, got)
			}
			if b.count("answer", "page", "PAGE_UNKNOWN") != 1 {
				t.Error("not counted")
			}
		})
	}
}

func TestASmallPage(t *testing.T) { checkPage(t, "", small) }
