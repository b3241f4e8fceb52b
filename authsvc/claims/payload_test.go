package claims

import "testing"

func TestNumberText(t *testing.T) {
	for text, want := range map[string]string{
		`{"n":12}`: "12", "{ \"n\" :\n 1.0 ,\"m\":2}": "1.0", `{"m":"n","n":3}`: "3", `{"m":{"n":4},"n":5}`: "5", `{"m":["n",{"n":6}],"n":7e0}`: "7e0",
		`{"m":"\"n\":8","n":9}`: "9", `{"m":"\\","n":-10}`: "-10", `{"n":"11"}`: "", `{"\u006e":12}`: "", `{}`: "", `{"n"`: "", `{"n":1`: "", `"`: "", `{"a\`: "",
	} {
		if got := numberText([]byte(text), "n"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
