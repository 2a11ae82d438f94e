// Package archtest holds the module's packages to the directions of import
// that docs/ARCHITECTURE.md draws. It has nothing but a test, which parses the
// sources itself: the test cache follows the files that a test opens, not what
// a command that it runs reads.
package archtest
