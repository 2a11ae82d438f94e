package rewrite

import "testing"

func TestOnlyComment(t *testing.T) {
	p := NewPlanner(Options{})
	for _, tc := range []struct {
		sql            string
		empty, comment bool
		remark         bool
	}{
		{"", true, false, false},
		{" \n;; ", true, false, false},
		{"-- x", true, true, false},
		{"/* x */ ;", true, true, false},
		{"/*! */", true, true, false},
		{"/**/ ; /**/", true, true, true},
		{"SELECT 1", false, false, false},
		{"SELECT 1 /* x */;", false, false, false},
		{"SELECT 1; ;", false, false, false},
		{"SELECT 1; -- x", false, false, true},
		{"SELECT 1; /* x */ ;", false, false, true},
	} {
		var s Statement
		p.Plan(&s, []byte(tc.sql), "", 0)
		if empty := s.Plan.Kind == KindEmpty; empty != tc.empty || empty && OnlyComment(s.Text) != tc.comment || s.Remark != tc.remark {
			t.Errorf("%q: %v, remark %v, only a comment: %v", tc.sql, s.Plan.Kind, s.Remark, OnlyComment(s.Text))
		}
	}
}
