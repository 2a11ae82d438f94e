package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

const aboutCompletion = `Prints a script that completes dsmproxy's commands and flags in a shell.

  bash   source <(dsmproxy completion bash)
  zsh    dsmproxy completion zsh > "${fpath[1]}/_dsmproxy"
  fish   dsmproxy completion fish > ~/.config/fish/completions/dsmproxy.fish`

// shells are the shells that can be told how to complete.
var shells = []string{"bash", "zsh", "fish"}

// runCompletion is given all commands by main's table, which it is part of.
func runCompletion(all map[string]command, args []string, stdout, stderr io.Writer) error {
	fs := newFlags("completion", strings.Join(shells, "|"), aboutCompletion)
	rest, done, err := parseFlags(fs, args, stdout, stderr)
	if done || err != nil {
		return err
	}
	if len(rest) != 1 {
		return usageError(fs, stderr, "takes the name of a shell: %s", strings.Join(shells, ", "))
	}
	list, err := describe(all)
	if err != nil {
		return err
	}
	var script bytes.Buffer
	switch rest[0] {
	case "bash":
		bashCompletion(&script, list)
	case "zsh":
		zshCompletion(&script, list)
	case "fish":
		fishCompletion(&script, list)
	default:
		return usageError(fs, stderr, "%q is none of the shells %s", rest[0], strings.Join(shells, ", "))
	}
	_, err = script.WriteTo(stdout)
	return err
}

// bashCompletion needs no package bash-completion. File names are completed by
// readline itself where the script offers nothing.
func bashCompletion(w *bytes.Buffer, list []description) {
	fmt.Fprint(w, `# Completion of dsmproxy for bash: source <(dsmproxy completion bash)
_dsmproxy() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
`)
	fmt.Fprintf(w, "\t\twords=%s\n", quoteShell(strings.Join(append(names(list), "help"), " ")))
	fmt.Fprint(w, "\telse\n\t\tcase ${COMP_WORDS[1]}:${prev#-} in\n")
	for _, d := range list {
		var files, values []string
		for _, f := range d.flags {
			switch {
			case f.isFile():
				files = append(files, d.name+":"+f.name, d.name+":-"+f.name)
			case f.value != "":
				values = append(values, d.name+":"+f.name, d.name+":-"+f.name)
			}
		}
		if len(files)+len(values) > 0 {
			fmt.Fprintf(w, "\t\t%s) return 0 ;;\n", strings.Join(append(files, values...), "|"))
		}
	}
	fmt.Fprint(w, "\t\tesac\n\t\tcase ${COMP_WORDS[1]} in\n")
	for _, d := range list {
		words := arguments(d)
		for _, f := range d.flags {
			words = append(words, "-"+f.name)
		}
		fmt.Fprintf(w, "\t\t%s) words=%s ;;\n", d.name, quoteShell(strings.Join(append(words, "-h"), " ")))
	}
	fmt.Fprint(w, `		esac
		case $cur in -*) ;; *) [ "${COMP_WORDS[1]}" = completion ] || return 0 ;; esac
	fi
	COMPREPLY=($(compgen -W "$words" -- "$cur"))
	return 0
}
complete -o default -F _dsmproxy dsmproxy
`)
}

func zshCompletion(w *bytes.Buffer, list []description) {
	fmt.Fprint(w, "#compdef dsmproxy\n# Completion of dsmproxy for zsh.\n_dsmproxy() {\n\tlocal -a commands\n\tcommands=(\n")
	for _, d := range list {
		fmt.Fprintf(w, "\t\t%s\n", quoteShell(d.name+":"+d.summary))
	}
	fmt.Fprint(w, "\t)\n\tif (( CURRENT == 2 )); then\n\t\t_describe command commands\n\t\treturn\n\tfi\n"+
		"\tlocal command=$words[2]\n\tshift words\n\t(( CURRENT-- ))\n\tcase $command in\n")
	for _, d := range list {
		fmt.Fprintf(w, "\t%s) _arguments", d.name)
		for _, f := range d.flags {
			spec := "-" + f.name + "[" + strings.NewReplacer("[", "(", "]", ")", ":", ";", "\n", " ").Replace(f.usage) + "]"
			switch {
			case f.isFile():
				spec += ":" + f.value + ":_files"
			case f.value != "":
				spec += ":" + f.value + ":"
			}
			fmt.Fprintf(w, " \\\n\t\t%s", quoteShell(spec))
		}
		rest := "*::argument:_files"
		if words := arguments(d); len(words) > 0 {
			rest = "*::argument:(" + strings.Join(words, " ") + ")"
		}
		fmt.Fprintf(w, " \\\n\t\t'-h[print help]' \\\n\t\t%s ;;\n", quoteShell(rest))
	}
	// Sourced, it registers itself; in $fpath, the file is the function.
	fmt.Fprint(w, "\tesac\n}\nif [ \"$funcstack[1]\" = _dsmproxy ]; then _dsmproxy \"$@\"; else compdef _dsmproxy dsmproxy; fi\n")
}

func fishCompletion(w *bytes.Buffer, list []description) {
	fmt.Fprint(w, "# Completion of dsmproxy for fish.\n")
	for _, d := range list {
		fmt.Fprintf(w, "complete -c dsmproxy -n __fish_use_subcommand -f -a %s -d %s\n", d.name, quoteFish(d.summary))
	}
	for _, d := range list {
		when := quoteFish("__fish_seen_subcommand_from " + d.name)
		if words := arguments(d); len(words) > 0 {
			fmt.Fprintf(w, "complete -c dsmproxy -n %s -f -a %s\n", when, quoteFish(strings.Join(words, " ")))
		}
		for _, f := range d.flags {
			takes := ""
			switch {
			case f.isFile():
				takes = " -r -F"
			case f.value != "":
				takes = " -x"
			}
			fmt.Fprintf(w, "complete -c dsmproxy -n %s -o %s%s -d %s\n", when, f.name, takes, quoteFish(strings.ReplaceAll(f.usage, "\n", " ")))
		}
	}
}

func names(list []description) []string {
	all := make([]string, len(list))
	for i, d := range list {
		all[i] = d.name
	}
	return all
}

// arguments are the words that a command takes besides its flags, where they
// are few and fixed: a synopsis such as "a|b|c".
func arguments(d description) []string {
	if !strings.Contains(d.synopsis, "|") || strings.ContainsAny(d.synopsis, " []") {
		return nil
	}
	return strings.Split(d.synopsis, "|")
}

// quoteShell quotes for bash and zsh.
func quoteShell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// quoteFish quotes for fish, where a backslash escapes within single quotes.
func quoteFish(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
