// Command browser looks at a page with headless Chromium as a person would and writes what it saw as JSON: the text
// that is visible, how many bars of its plots have an area, and what the browser complained about. With -press it
// presses the form's button and tells what an element of the next page says.
//
//	browser -url http://127.0.0.1:8080/ -press "#try pre" -picture page.png
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// sight is what was seen.
type sight struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	// Bars are the rectangles of plots that have an area, Empty those that have none.
	Bars  int `json:"bars"`
	Empty int `json:"empty"`
	// Overflows says that the page is wider than the window.
	Overflows bool `json:"overflows"`
	// Answer is the text of the element that the form led to.
	Answer string `json:"answer,omitempty"`
	// Complaints of the browser: errors of scripts, refused styles, files that could not be loaded.
	Complaints []string `json:"complaints"`
	// Requests are the addresses that the page asked for beside itself.
	Requests []string `json:"requests"`
}

func main() {
	url := flag.String("url", "", "address of the page")
	press := flag.String("press", "", "press the button of the page's form and wait for this element")
	picture := flag.String("picture", "", "file that takes a picture of the page (PNG)")
	flag.Parse()
	if err := run(*url, *picture, *press); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(url, picture, press string) error {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(1280, 900))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	defer stop()
	ctx, stop = chromedp.NewContext(ctx)
	defer stop()
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	defer stop()
	s := sight{Complaints: []string{}, Requests: []string{}}
	chromedp.ListenTarget(ctx, func(event any) { s.hear(event, url) })
	var shot []byte
	actions := []chromedp.Action{
		network.Enable(), log.Enable(), runtime.Enable(), chromedp.Navigate(url), chromedp.Title(&s.Title),
		chromedp.Evaluate(`document.body.innerText`, &s.Text),
		chromedp.Evaluate(count+`bars(true)`, &s.Bars), chromedp.Evaluate(count+`bars(false)`, &s.Empty),
		chromedp.Evaluate(`document.documentElement.scrollWidth > document.documentElement.clientWidth`, &s.Overflows),
		chromedp.FullScreenshot(&shot, 100),
	}
	if press != "" {
		actions = append(actions, chromedp.Click("form button", chromedp.ByQuery), chromedp.WaitVisible(press, chromedp.ByQuery),
			chromedp.Text(press, &s.Answer, chromedp.ByQuery))
	}
	if err := chromedp.Run(ctx, actions...); err != nil {
		return err
	}
	if picture != "" {
		if err := os.WriteFile(picture, shot, 0o600); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(s)
}

// count counts the rectangles that have an area, or those that have none.
const count = `var bars = full => [...document.querySelectorAll("svg rect")].filter(r => {
	const b = r.getBoundingClientRect();
	return (b.width > 0 && b.height > 0) === full;
}).length;`

func (s *sight) hear(event any, url string) {
	switch e := event.(type) {
	case *log.EventEntryAdded:
		s.Complaints = append(s.Complaints, e.Entry.Text)
	case *runtime.EventExceptionThrown:
		s.Complaints = append(s.Complaints, e.ExceptionDetails.Text)
	case *network.EventRequestWillBeSent:
		if e.Request.URL != url {
			s.Requests = append(s.Requests, e.Request.URL)
		}
	}
}
