package proxy

import (
	"regexp"
	"strings"
)

// static are MeshCentral's public files, the same for everybody and without names: scripts, styles, pictures, fonts, sounds.
// Not here: its service worker, its manifest, the viewers that need cookies which nobody of ours can get, translations.
var static = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`scripts/(?:[A-Za-z0-9_-]+/){0,3}[A-Za-z0-9._-]+\.(?:js|css|woff2?|ttf|svg|png|gif)`,
	`styles/(?:[A-Za-z0-9_-]+/){0,3}[A-Za-z0-9._-]+\.(?:css|woff2?|ttf|svg|png|gif)`,
	`images/(?:[A-Za-z0-9_-]+/){0,3}[A-Za-z0-9._@-]+\.(?:png|jpg|gif|svg|webp|ico)`,
	`sounds/[A-Za-z0-9._-]+\.mp3`,
	`mstsc/[a-z]+\.js`, // every page loads them, and uses them with a cookie that nobody of ours can get
	`serverpic\.ashx`,  // a picture
	`favicon(?:-[0-9x]+)?\.(?:png|ico)`,
	`(?:logo|title|welcome)\.(?:png|jpg)`,
}, "|") + `)$`)

// operators says whether a public file is one that an operator fills, maybe with the server's name.
func operators(rest string) bool { return rest == "styles/custom.css" || rest == "scripts/custom.js" }

// isStatic says whether a path is one of them.
func isStatic(rest string) bool { return static.MatchString(rest) && !strings.Contains(rest, "..") }
