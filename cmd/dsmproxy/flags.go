package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
)

// newFlags returns a command's flag set; synopsis is what follows its name in
// the usage, about what -h says it does.
func newFlags(name, synopsis, about string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.Usage = func() {
		fmt.Fprintf(fs.Output(), "usage: dsmproxy %s %s\n\n%s\n", name, synopsis, about)
		flags := false
		fs.VisitAll(func(*flag.Flag) { flags = true })
		if flags {
			fmt.Fprint(fs.Output(), "\n")
			fs.PrintDefaults()
		}
	}
	return fs
}

// parseFlags parses args, flags and other arguments in any order, and returns
// the others; what follows "--" is no flag. done says that -h has been answered.
// An error is errUsage, and has been printed.
func parseFlags(fs *flag.FlagSet, args []string, stdout, stderr io.Writer) (rest []string, done bool, err error) {
	var last []string
	if i := slices.Index(args, "--"); i >= 0 {
		args, last = args[:i], args[i+1:]
	}
	for {
		// flag prints usage wherever its errors go, but -h is no error.
		fs.SetOutput(io.Discard)
		err := fs.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			if r, ok := stdout.(*flagReader); ok {
				r.fs = fs
				return nil, true, nil
			}
			fs.SetOutput(stdout)
			fs.Usage()
			return nil, true, nil
		case err != nil:
			return nil, false, usageError(fs, stderr, "%v", err)
		}
		if args = fs.Args(); len(args) == 0 {
			return append(rest, last...), false, nil
		}
		rest, args = append(rest, args[0]), args[1:]
	}
}

// usageError prints what is wrong with a command's arguments and where to read
// more, and returns errUsage.
func usageError(fs *flag.FlagSet, stderr io.Writer, format string, args ...any) error {
	fmt.Fprintf(stderr, "dsmproxy %s: %s\n", fs.Name(), fmt.Sprintf(format, args...))
	fmt.Fprintf(stderr, "dsmproxy %s -h prints its flags\n", fs.Name())
	return errUsage
}
