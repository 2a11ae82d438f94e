package demo

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestCommands(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		want         []string
	}{
		{"one line", "put a b; get a;;expect b", []string{"put a b", "get a", "expect b"}},
		{"one command", "status", []string{"status"}},
		{"a file", "# comment\nput a b;c\n\n  get a\n", []string{"put a b;c", "get a"}},
		{"a file of one line", "put a b\n", []string{"put a b"}},
		{"nothing", " \n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := Commands(tt.script); !slices.Equal(got, tt.want) {
				t.Errorf("Commands(%q) = %q, want %q", tt.script, got, tt.want)
			}
		})
	}
}

func TestScript(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		fails        bool
		last         string // of what was printed
	}{
		{"expected", "help; expect kill s2", false, "> expect kill s2\n"},
		{"not expected", "help; expect nothing of the kind", true, "\n"},
		{"an error", "nonsense; help", true, "error: unknown command \"nonsense\"; help shows all\n"},
		{"an expected error", "nonsense; expect unknown command; help", false, "end everything\n"},
		{"another error than expected", "nonsense; expect no such store; help", true, "\n"},
		{"an error at the end", "help; nonsense", true, "help shows all\n"},
		{"quit", "quit; nonsense", false, "> quit\n"},
		{"a store that is none", "kill s9; expect there is no store \"s9\"; expect there are s1, s2", false, "s2\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			c := &Console{Stores: &embeddedStores{names: names(2)}, Out: &out}
			err := c.Script(t.Context(), Commands(tt.script))
			if (err != nil) != tt.fails {
				t.Errorf("Script(%q) = %v, want an error: %v", tt.script, err, tt.fails)
			}
			if !strings.HasSuffix(out.String(), tt.last) {
				t.Errorf("Script(%q) printed %q, want %q at the end", tt.script, out.String(), tt.last)
			}
		})
	}
}

func TestRunEnds(t *testing.T) {
	for _, tt := range []struct {
		name, in, prompt string
		want             bool
	}{
		{"quit", "quit\nhelp\n", "", true},
		{"the end of a pipe", "nonsense\nhelp\n", "", true},
		{"no input at all", "", "", false},
		{"Ctrl-D in a terminal", "", "demo> ", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &Console{Out: io.Discard}
			if got := c.Run(t.Context(), strings.NewReader(tt.in), tt.prompt); got != tt.want {
				t.Errorf("Run = %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("a signal", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r, w := io.Pipe() // of which nothing comes
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan bool)
			go func() { ended <- (&Console{Out: io.Discard}).Run(ctx, r, "") }()
			synctest.Wait()
			cancel()
			if !<-ended {
				t.Error("Run = false, want true")
			}
			w.Close()
		})
	})
}

func TestAnswersRows(t *testing.T) {
	for statement, want := range map[string]bool{
		"SELECT 1": true, "(select 1)": true, "show tables": true, "SHOW\nTABLES": true,
		"INSERT INTO t VALUES (1) RETURNING id": true,
		"UPDATE t SET a = 1":                    false, "BEGIN": false, "SET @a = 1": false, "(": false,
	} {
		if got := answersRows(statement); got != want {
			t.Errorf("answersRows(%q) = %v, want %v", statement, got, want)
		}
	}
}
