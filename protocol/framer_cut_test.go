package protocol

import "testing"

// TestFramerCut: behind a result that says that more follow comes the answer to
// the next command.
func TestFramerCut(t *testing.T) {
	ok := []byte{7, 0, 0, 1, 0, 2, 0, byte(StatusInTrans | StatusMoreResults), 0, 0, 0}
	next := []byte{7, 0, 0, 1, 0, 0, 0, byte(StatusInTrans), 0, 0, 0}
	both := append(append([]byte(nil), ok...), next...)
	var f Framer
	f.Reset(AnswerResult, true, 1)
	if _, _, err := f.Feed(append([]byte(nil), both...)); err == nil {
		t.Error("an answer to another command is taken for a part of this one")
	}
	for _, size := range []int{1, len(both)} {
		f.Reset(AnswerResult, true, 1)
		f.Cut = true
		at, done := 0, false
		for end := size; !done && end <= len(both); end += size {
			n, d, err := f.Feed(append([]byte(nil), both[at:end]...))
			if err != nil {
				t.Fatal(err)
			}
			at, done = at+n, d
		}
		if e := f.Answer().Err; at != len(ok) || !done || e == nil || e.Code != ErrQueryInterrupted {
			t.Errorf("%d bytes at a time: %d of %d bytes, done %v, %v", size, at, len(ok), done, e)
		}
	}
}
