//go:build compat

package compat

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/dsmproxy/dsmproxy/internal/proxytest"
)

var given = flag.String("proxy", "", "test this dsmproxy `program` and build none")

// suite is what the tests share; TestMain makes it.
var suite *proxytest.Suite

// What most tests here use of package proxytest.
var (
	open       = proxytest.Open
	eventually = proxytest.Eventually
	hostPort   = proxytest.HostPort
	tool       = proxytest.Tool
	within     = proxytest.Within
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(testMain(m))
}

func testMain(m *testing.M) int {
	var err error
	if suite, err = proxytest.New(proxytest.Options{Program: *given}); err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		return 1
	}
	defer suite.Close()
	return m.Run()
}
