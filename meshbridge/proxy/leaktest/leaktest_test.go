package leaktest_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"
	"unicode/utf16"

	"github.com/everydaytech/meshsso/meshbridge/proxy/leaktest"
)

const secret = "mesh-4711.internal.example"

func TestAPlantedLeakIsFoundInEveryEncoding(t *testing.T) {
	wide := func(order binary.ByteOrder) string {
		var out []byte
		for _, u := range utf16.Encode([]rune("x" + secret + "y")) {
			pair := make([]byte, 2)
			order.PutUint16(pair, u)
			out = append(out, pair...)
		}
		return string(out)
	}
	percent := ""
	for i := range len(secret) {
		percent += fmt.Sprintf("%%%02X", secret[i])
	}
	planted := map[string]string{
		"plain": "https://" + secret + "/", "upper case": "MESH-4711.Internal.EXAMPLE", "percent": percent,
		"hex": hex.EncodeToString([]byte("a" + secret)), "UTF-16LE": wide(binary.LittleEndian), "UTF-16BE": wide(binary.BigEndian),
	}
	for shift := range 4 {
		planted[fmt.Sprintf("base64 at %d", shift)] = base64.StdEncoding.EncodeToString([]byte("0123"[:shift] + secret + "behind"))
		planted[fmt.Sprintf("base64url at %d", shift)] = base64.RawURLEncoding.EncodeToString([]byte("0123"[:shift] + secret + "behind"))
	}
	for name, text := range planted {
		s := leaktest.New(map[string]string{"host": secret})
		s.Search([]byte("before " + text + " behind"))
		if s.Found()["host"] == "" {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
}

func TestNothingIsFoundWhereNothingIs(t *testing.T) {
	s := leaktest.New(map[string]string{"host": secret, "port": ":44831"})
	s.Search([]byte("https://dashboard.example.com:44832/ mesh-4711.internal.exampl"))
	if found := s.Found(); len(found) != 0 {
		t.Errorf("found %v", found)
	}
	if s.Bytes() == 0 {
		t.Error("nothing was counted")
	}
}
