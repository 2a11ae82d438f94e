package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

const commandNames = "kill STORE, start STORE, wipe STORE, status STORE, quit"

// control carries out the commands that it reads, one a line, and answers each
// with one line, "ok ..." or "error ...". It returns at quit or when r ends.
func control(stores []*store, r io.Reader, w io.Writer) error {
	byName := make(map[string]*store, len(stores))
	for _, s := range stores {
		byName[s.name] = s
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) == 0 {
			continue
		}
		if words[0] == "quit" {
			_, err := fmt.Fprintln(w, "ok quit")
			return err
		}
		answer, err := command(byName, words)
		if err != nil {
			answer = "error " + err.Error()
		}
		if _, err := fmt.Fprintln(w, answer); err != nil {
			return err
		}
	}
	return lines.Err()
}

func command(stores map[string]*store, words []string) (string, error) {
	if len(words) != 2 {
		return "", fmt.Errorf("unknown command %q; there are: %s", strings.Join(words, " "), commandNames)
	}
	s, ok := stores[words[1]]
	if !ok {
		return "", fmt.Errorf("there is no store %s", words[1])
	}
	var err error
	switch words[0] {
	case "kill":
		err = s.kill()
	case "start":
		err = s.start()
	case "wipe":
		err = s.wipe()
	case "status":
		state := "down"
		if s.running() {
			state = "up"
		}
		return fmt.Sprintf("ok status %s %s %s", s.name, state, s.addr), nil
	default:
		return "", fmt.Errorf("unknown command %s; there are: %s", words[0], commandNames)
	}
	if err != nil {
		return "", err
	}
	return "ok " + strings.Join(words, " "), nil
}
