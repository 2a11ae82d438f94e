//go:build race

package fence

// raceDetector makes the tests fewer: it slows them down many times.
const raceDetector = true
