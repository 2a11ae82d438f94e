package integration

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

// Which program is tested: one that is built now, with the race detector or
// without, or one that is there.
var (
	race  = flag.Bool("proxy-race", false, "build dsmproxy with the race detector")
	given = flag.String("proxy", "", "test this dsmproxy `program` and build none")
)

// suite is what the tests share; TestMain makes it.
var suite *proxytest.Suite

// What most tests here use of package proxytest.
var (
	open       = proxytest.Open
	mustExec   = proxytest.MustExec
	eventually = proxytest.Eventually
	hostPort   = proxytest.HostPort
	tool       = proxytest.Tool
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if suite, err = proxytest.New(proxytest.Options{Program: *given, Race: *race}); err != nil {
		fmt.Fprintln(os.Stderr, "integration:", err)
		return 1
	}
	defer suite.Close()
	return m.Run()
}
