package main

import (
	"bytes"
	"fmt"
	"html"
)

// chart draws the proxies' processor time per query and the throughput
// relative to going direct as horizontal bars, for the records of the first
// size.
func (r *report) chart() []byte {
	const (
		width, label, bar, gap = 900, 260, 14, 4
		left                   = label + 10
		span                   = (width - left - 40) / 2
	)
	colours := []string{"#8a8f98", "#d08b2c", "#2f6fdf", "#1f9d6b", "#9b4dca"}
	var body bytes.Buffer
	y := 76
	most := 0.0
	var shown []scenario
	for _, s := range r.Scenarios {
		if s.Payload != r.Scenarios[0].Payload {
			continue
		}
		shown = append(shown, s)
		for _, t := range s.Targets {
			most = max(most, t.ProxyCPU.Median)
		}
	}
	for _, s := range shown {
		fmt.Fprintf(&body, `<text x="10" y="%d" font-weight="bold">%s, %s, %s</text>`+"\n", y, s.Operation, s.Protocol, many(s.Clients))
		y += 8
		for i, t := range s.Targets {
			colour := colours[i%len(colours)]
			fmt.Fprintf(&body, `<text x="%d" y="%d" text-anchor="end">%s</text>`, label, y+bar-3, html.EscapeString(t.Name))
			drawBar(&body, left, y, t.PerSecond.Median/s.Targets[0].PerSecond.Median, 1.5, span, colour, "%.2f")
			if t.ProxyCPU.Median > 0 {
				drawBar(&body, left+span+20, y, t.ProxyCPU.Median, most*1.2, span, colour, "%.0f")
			}
			y += bar + gap
		}
		y += 24
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", width, y)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	if len(shown) > 0 {
		fmt.Fprintf(&b, `<text x="10" y="20">Records of %d bytes by key; two copies; all on %s; medians of %d rounds</text>`+"\n",
			shown[0].Payload, html.EscapeString(r.Machine), r.Rounds)
	}
	fmt.Fprintf(&b, `<text x="%d" y="48" font-weight="bold">throughput, direct = 1 (longer is better)</text>`+"\n", left)
	fmt.Fprintf(&b, `<text x="%d" y="48" font-weight="bold">proxy's CPU per query, µs (shorter is better)</text>`+"\n", left+span+20)
	b.Write(body.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func many(clients int) string {
	if clients == 1 {
		return "1 client"
	}
	return fmt.Sprint(clients, " clients")
}

func drawBar(b *bytes.Buffer, x, y int, value, most float64, span int, colour, format string) {
	length := min(value/most, 1) * float64(span-50)
	fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.1f" height="14" fill="%s"/>`, x, y, length, colour)
	fmt.Fprintf(b, `<text x="%.1f" y="%d">`+format+`</text>`+"\n", float64(x)+length+4, y+11, value)
}
