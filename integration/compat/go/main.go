// Command go uses the session stores of Go packages: scs, gormstore,
// go-chi's session. See ../README.md for
// what it reads and prints. It is a module of its own, so that dsmproxy's stays
// lean.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/go-sql-driver/mysql"
)

// data is what a session holds.
type data struct {
	N    int    `json:"n"`
	Blob string `json:"blob"`
}

type question struct {
	Op, ID, To string
	Data       data
}

type answer struct {
	ID    string `json:"id,omitempty"`
	Data  *data  `json:"data"`
	N     *int   `json:"n,omitempty"`
	Error string `json:"error,omitempty"`
}

// handler carries out one request of a web application.
type handler interface {
	request(q question) (answer, error)
}

func open(name string) (handler, error) {
	switch name {
	case "gormstore":
		return newGorm()
	case "go-chi-session":
		return newChi()
	}
	return newSCS(name)
}

// config is how to connect.
func config() *mysql.Config {
	c := mysql.NewConfig()
	c.Net, c.Addr = "tcp", os.Getenv("DSM_HOST")+":"+os.Getenv("DSM_PORT")
	c.User, c.Passwd, c.DBName = os.Getenv("DSM_USER"), os.Getenv("DSM_PASSWORD"), os.Getenv("DSM_DB")
	c.ParseTime = true
	return c
}

func main() {
	h, err := open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	in, out := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var q question
		if err := in.Decode(&q); err == io.EOF {
			return
		} else if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		a, err := h.request(q)
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			os.Exit(1)
		}
	}
}
