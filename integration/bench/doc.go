// Command bench measures dsmproxy beside the ways to do without it: clients
// that connect to a store directly, HAProxy in TCP mode, and any peer whose
// address is given. `make bench` runs it; docs/PERFORMANCE.md says how to read
// what it prints.
//
// All targets are measured in one run and in turn, round by round, so that a
// machine whose speed drifts is as slow for one as for the other. What is
// quoted are medians over the rounds, and ratios of them; absolute figures say
// something of the machine.
//
// The clients are wire loops in this process that neither decode rows nor
// allocate, for what they burn is missing to what is measured: all share the
// same cores.
package main
