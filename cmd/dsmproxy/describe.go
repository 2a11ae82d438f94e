package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// What completes a command line and what the manual says come from the
// commands' own flag sets, so they can't disagree with -h. A flag set exists
// only while its command runs; so each command is asked for its help by a
// writer that parseFlags knows.

// flagReader is a standard output that takes a command's flag set in the place
// of its help.
type flagReader struct{ fs *flag.FlagSet }

// Write drops what a command prints beside its help.
func (r *flagReader) Write(p []byte) (int, error) { return len(p), nil }

// description is what a command says of itself.
type description struct {
	name, summary   string
	synopsis, about string // about: paragraphs, separated by empty lines
	flags           []flagDescription
}

// flagDescription is one flag.
type flagDescription struct {
	name, value string // value: what follows the flag, "" for a switch
	usage       string
	standard    string // the default, "" for none
}

// isFile reports whether the flag's value is a file's name.
func (f flagDescription) isFile() bool { return f.value == "file" || f.value == "path" }

// describe asks all commands, in alphabetical order.
func describe(all map[string]command) ([]description, error) {
	var list []description
	for _, name := range slices.Sorted(maps.Keys(all)) {
		r := new(flagReader)
		if err := all[name].run([]string{"-h"}, strings.NewReader(""), r, io.Discard); err != nil || r.fs == nil {
			return nil, fmt.Errorf("%s -h describes no flags: %v", name, err)
		}
		list = append(list, describeOne(name, all[name].summary, r.fs))
	}
	return list, nil
}

func describeOne(name, summary string, fs *flag.FlagSet) description {
	d := description{name: name, summary: summary}
	var help bytes.Buffer
	fs.SetOutput(&help)
	fs.Usage()
	text := help.String()
	help.Reset()
	fs.PrintDefaults()
	text = strings.TrimSuffix(text, help.String())
	text = strings.TrimPrefix(text, "usage: dsmproxy "+name)
	d.synopsis, d.about, _ = strings.Cut(text, "\n\n")
	d.synopsis, d.about = strings.TrimSpace(d.synopsis), strings.TrimSpace(d.about)
	fs.VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		one := flagDescription{name: f.Name, value: value, usage: usage}
		if f.DefValue != "false" && f.DefValue != "0" {
			one.standard = f.DefValue
		}
		d.flags = append(d.flags, one)
	})
	return d
}
