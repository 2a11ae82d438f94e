package main

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/dsmproxy/dsmproxy/conf"
	"github.com/dsmproxy/dsmproxy/internal/admin"
)

// passwordVariable holds the admin password for commands that are not told a
// configuration that has it.
const passwordVariable = "DSMPROXY_ADMIN_PASSWORD"

// remoteFlags say which running proxy a command asks.
type remoteFlags struct{ config, admin *string }

func addRemoteFlags(fs *flag.FlagSet) remoteFlags {
	return remoteFlags{
		config: fs.String("config", defaultConfig, "configuration `file` of the running proxy, for its admin address and password"),
		admin:  fs.String("admin", "", "admin `address` of the running proxy, host:port or URL, in place of a configuration's; its password is in "+passwordVariable),
	}
}

// remote finds the running proxy. The password of the environment goes before
// that of the configuration.
func (f remoteFlags) remote(stderr io.Writer) (*admin.Remote, error) {
	password := os.Getenv(passwordVariable)
	if *f.admin != "" {
		url := *f.admin
		if !strings.Contains(url, "://") {
			url = "http://" + url
		}
		return &admin.Remote{URL: url, Password: password}, nil
	}
	a, err := conf.LoadAdmin(configPath(*f.config))
	if err != nil {
		if err = printed(err, stderr); errors.Is(err, errSilent) {
			fmt.Fprintf(stderr, "the running proxy can be asked all the same by -admin HOST:PORT, with its password in %s\n", passwordVariable)
		}
		return nil, err
	}
	if password == "" {
		password = a.Password
	}
	return remoteOf(a, password)
}

// remoteOf is the proxy that runs by a configuration, on this machine.
func remoteOf(a conf.Admin, password string) (*admin.Remote, error) {
	if a.Listen == "" {
		return nil, errors.New(`the configuration has no admin address (admin.listen = "")`)
	}
	host, port, err := net.SplitHostPort(a.Listen)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	r := &admin.Remote{URL: "http://" + net.JoinHostPort(host, port), Password: password}
	if a.Cert == "" {
		return r, nil
	}
	// The very certificate of the configuration is what is to be met, whatever
	// name is in it.
	pair, err := tls.LoadX509KeyPair(a.Cert, a.Key)
	if err != nil {
		return nil, err
	}
	r.URL = "https://" + net.JoinHostPort(host, port)
	r.HTTP = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // VerifyConnection does more
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || string(s.PeerCertificates[0].Raw) != string(pair.Certificate[0]) {
				return errors.New("the certificate is not the one of admin.cert")
			}
			return nil
		},
	}}}
	return r, nil
}

// ask runs a command's question to a running proxy.
func (f remoteFlags) ask(stderr io.Writer, do func(context.Context, *admin.Remote) error) error {
	r, err := f.remote(stderr)
	if err != nil {
		return err
	}
	return do(context.Background(), r)
}

// askRoute has a running proxy order the stores for one session ID.
func askRoute(r *admin.Remote, table string, id []byte) (*admin.Route, error) {
	list, err := r.Route(context.Background(), admin.RouteRequest{Table: table, IDs: []string{hex.EncodeToString(id)}})
	if err != nil {
		return nil, err
	}
	if len(list) != 1 {
		return nil, errors.New("the proxy has not answered for the session ID")
	}
	return &list[0], nil
}

// askExplain has a running proxy explain a statement, for people or as JSON.
func askExplain(r *admin.Remote, line *request, asJSON bool, w io.Writer) error {
	body, err := json.Marshal(line)
	if err != nil {
		return err
	}
	out, err := r.Explain(context.Background(), body)
	if err != nil {
		return err
	}
	var says struct {
		Error      string
		Statements []struct{ Error string }
	}
	if err := json.Unmarshal(out, &says); err != nil {
		return err
	}
	text := string(out) + "\n"
	if !asJSON {
		if text, err = r.ExplainText(context.Background(), body); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	for _, s := range says.Statements {
		says.Error += s.Error
	}
	if says.Error != "" {
		return errSilent
	}
	return nil
}
