package router

import (
	"context"
	"crypto/tls"
	"fmt"
	"strings"

	"github.com/dsmproxy/dsmproxy/protocol"
	"github.com/dsmproxy/dsmproxy/rewrite"
	"github.com/dsmproxy/dsmproxy/router/replica"
	"github.com/dsmproxy/dsmproxy/router/store"
)

// Clients ask SHOW STATUS LIKE 'Ssl_cipher' to learn whether their connection
// is encrypted. A store would tell of the proxy's connection to it. Of all that
// begins with Ssl_ these two alone are about a connection; a pattern that takes
// neither goes to a store, and of what one tells for a wider pattern these are
// replaced.

// tlsStatus returns the rows about the client's connection that a pattern of
// SHOW STATUS LIKE takes.
func (s *session) tlsStatus(st *rewrite.Statement, args rewrite.Args) [][][]byte {
	pattern, null, ok := st.Append(nil, st.Plan.Keys[0], args)
	// Anything wider than Ssl_% asks for more than the connection.
	if !ok || null || len(pattern) < 3 || !strings.EqualFold(string(pattern[:3]), "ssl") {
		return nil
	}
	var rows [][][]byte
	for _, v := range []struct{ name, value string }{
		{"Ssl_cipher", cipherName(s.client)},
		{"Ssl_version", versionName(s.client)},
	} {
		if like(strings.ToLower(v.name), strings.ToLower(string(pattern))) {
			rows = append(rows, [][]byte{[]byte(v.name), []byte(v.value)})
		}
	}
	if len(rows) == 0 || strings.EqualFold(string(pattern), string(rows[0][0])) {
		return rows
	}
	return s.amongStatus(string(pattern), rows)
}

// amongStatus returns what a store has for a pattern, with the client's own rows
// in the place of its.
func (s *session) amongStatus(pattern string, own [][][]byte) [][][]byte {
	var rows [][][]byte
	err := s.data.Ask(func(conn *store.Conn) (err error) {
		rows, err = conn.Query(context.Background(), "SHOW SESSION STATUS LIKE "+text(pattern))
		return err
	})
	if err != nil {
		return own
	}
	for _, row := range rows {
		for _, o := range own {
			if string(row[0]) == string(o[0]) {
				row[1] = o[1]
			}
		}
	}
	return rows
}

// showStatus answers SHOW STATUS with rows.
func (s *session) showStatus(req replica.Request, rows [][][]byte) error {
	if _, binary := req.(*prepared); binary {
		sql := ""
		for i, r := range rows {
			if i > 0 {
				sql += " UNION ALL "
			}
			sql += fmt.Sprintf("SELECT '%s' AS Variable_name, '%s' AS Value", r[0], r[1])
		}
		return s.selectInstead(req, sql)
	}
	if s.data.More {
		s.client.Status |= protocol.StatusMoreResults
		defer func() { s.client.Status &^= protocol.StatusMoreResults }()
	}
	columns := []protocol.Column{s.textColumn("Variable_name", 64), s.textColumn("Value", 2048)}
	const noDefault = 0x1000
	columns[0].Flags |= noDefault
	if s.mariaDB() {
		columns[1].Flags |= noDefault
	} else {
		columns[1].Flags = 0
		if s.results().none { // then they are as performance_schema has them
			columns[0].Charset, columns[1].Charset = utf8mb40900, utf8mb40900
		}
	}
	return s.client.WriteResult(columns, rows)
}

// utf8mb40900 is utf8mb4_0900_ai_ci in a column's metadata.
const utf8mb40900 = 255

// like is SQL's LIKE for names: %, _ and the escape \.
func like(name, pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '%':
			for j := range len(name) + 1 {
				if like(name[j:], pattern[i+1:]) {
					return true
				}
			}
			return false
		case name == "":
			return false
		case c == '_':
		default:
			if c == '\\' && i+1 < len(pattern) {
				i++
				c = pattern[i]
			}
			if name[0] != c {
				return false
			}
		}
		name = name[1:]
	}
	return name == ""
}

// versionName is the name that OpenSSL, and so MySQL, gives to a TLS version.
func versionName(c *protocol.Client) string {
	if !c.TLS {
		return ""
	}
	return strings.Replace(tls.VersionName(c.TLSVersion), "TLS ", "TLSv", 1)
}

// cipherName is OpenSSL's name of a cipher suite: the standard's in TLS 1.3,
// and one of its own before, ECDHE-RSA-AES128-GCM-SHA256 for
// TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
func cipherName(c *protocol.Client) string {
	if !c.TLS {
		return ""
	}
	name := tls.CipherSuiteName(c.TLSCipher)
	exchange, cipher, old := strings.Cut(strings.TrimPrefix(name, "TLS_"), "_WITH_")
	if !old {
		return name
	}
	if strings.HasPrefix(cipher, "CHACHA20") {
		cipher = strings.TrimSuffix(cipher, "_SHA256")
	}
	cipher = strings.NewReplacer("AES_", "AES", "_CBC", "", "_", "-").Replace(cipher)
	if exchange == "RSA" {
		return cipher
	}
	return strings.ReplaceAll(exchange, "_", "-") + "-" + cipher
}
