package rewrite

// analyze makes the plan of a lexed statement.
func analyze(l *lexed, db string, mode Mode, o *Options) (p *Plan, cacheable bool) {
	return &Plan{Refuse: "statement"}, true
}
