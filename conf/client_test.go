package conf

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

func TestProxyNetworks(t *testing.T) {
	networks, unix, err := ProxyNetworks([]string{"10.0.0.0/8", "unix", "192.0.2.7", "::1", "::ffff:192.0.2.8"})
	want := []netip.Prefix{
		netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"),
		netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("192.0.2.8/32"),
	}
	if err != nil || !unix || !reflect.DeepEqual(networks, want) {
		t.Errorf("ProxyNetworks = %v, %v, %v, want %v", networks, unix, err, want)
	}
	for _, s := range []string{"", "localhost", "10.0.0.1/8", "10.0.0.0/33", "::ffff:10.0.0.0/104", "fe80::1%eth0", "10.0.0.0/8 ", "unix:/x"} {
		if got, _, err := ProxyNetworks([]string{s}); err == nil {
			t.Errorf("ProxyNetworks(%q) = %v, want an error", s, got)
		}
	}
}

func TestClientSettings(t *testing.T) {
	for _, tc := range []struct{ text, problem string }{
		{`compression = []`, ""},
		{`compression = ["zstd"]`, ""},
		{`compression = true`, "compression: must be a list"},
		{`compression = ["gzip"]`, `compression: "gzip" is not one of "zlib", "zstd"`},
		{`compression = ["zlib", "zlib"]`, `"zlib" is there twice`},
		{`proxy_protocol = ["0.0.0.0/0", "::/0"]`, ""},
		{`proxy_protocol = ["10.1.2.3/8"]`, "write 10.0.0.0/8 for the network"},
		{`proxy_protocol = "10.0.0.0/8"`, "proxy_protocol: must be a list"},
	} {
		c, err := Parse("t.toml", []byte(tc.text+"\n"+least))
		switch {
		case tc.problem == "" && err != nil:
			t.Errorf("%s: %v", tc.text, err)
		case tc.problem != "" && (err == nil || !strings.Contains(err.Error(), tc.problem)):
			t.Errorf("%s: %v, want %q", tc.text, err, tc.problem)
		case tc.text == `compression = []` && len(c.Compression) != 0:
			t.Errorf("%s gives %q", tc.text, c.Compression)
		}
	}
}
