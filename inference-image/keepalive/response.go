package keepalive

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// response is an answer. It is written at once when the handler has returned.
type response struct {
	header http.Header
	code   int  // 0 before the head is written
	typed  bool // the handler named the type of the body
	closes bool // the handler wants the connection closed
	body   []byte
	out    []byte
}

func (r *response) reset() {
	clear(r.header)
	r.code, r.typed, r.closes, r.body, r.out = 0, false, false, r.body[:0], r.out[:0]
}

// Header implements http.ResponseWriter.
func (r *response) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter. Interim answers are not sent.
func (r *response) WriteHeader(code int) {
	if r.code != 0 || code < http.StatusOK {
		return
	}
	r.code = code
	if code == http.StatusOK {
		r.out = append(r.out, "HTTP/1.1 200 OK\r\n"...)
	} else {
		text := http.StatusText(code)
		if text == "" {
			text = "status code " + strconv.Itoa(code)
		}
		r.out = append(strconv.AppendInt(append(r.out, "HTTP/1.1 "...), int64(code), 10), ' ')
		r.out = append(append(r.out, text...), "\r\n"...)
	}
	for name, values := range r.header {
		switch name {
		case "Content-Length", "Transfer-Encoding", "Date": // are written at the end
			continue
		case "Content-Type":
			r.typed = true
		case "Connection":
			r.closes = len(values) > 0 && strings.EqualFold(values[0], "close")
			continue
		}
		for _, value := range values {
			if strings.ContainsAny(value, "\r\n") {
				value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
			}
			r.out = append(append(append(append(r.out, name...), ": "...), value...), "\r\n"...)
		}
	}
}

// Write implements io.Writer.
func (r *response) Write(data []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if !hasBody(r.code) {
		return 0, http.ErrBodyNotAllowed
	}
	r.body = append(r.body, data...)
	return len(data), nil
}

func hasBody(code int) bool { return code != http.StatusNoContent && code != http.StatusNotModified }

// finish completes what is to be written and reports whether the connection stays open.
func (r *response) finish(date string, closes bool) (stays bool) {
	r.WriteHeader(http.StatusOK)
	if len(r.body) > 0 && !r.typed {
		r.out = append(append(append(r.out, "Content-Type: "...), http.DetectContentType(r.body)...), "\r\n"...)
	}
	r.out = append(r.out, date...)
	if hasBody(r.code) {
		r.out = append(strconv.AppendInt(append(r.out, "Content-Length: "...), int64(len(r.body)), 10), "\r\n"...)
	}
	closes = closes || r.closes
	if closes {
		r.out = append(r.out, "Connection: close\r\n"...)
	}
	r.out = append(append(r.out, "\r\n"...), r.body...)
	return !closes
}

// shrink drops memory that the next answer will hardly need.
func (r *response) shrink() {
	if cap(r.out) > largest {
		r.out = nil
	}
	if cap(r.body) > largest {
		r.body = nil
	}
}

// date is a Date header with the second that it is of.
type date struct {
	second int64
	text   string
}

func (s *Server) dateAt(now time.Time) string {
	d := s.date.Load()
	if second := now.Unix(); d == nil || d.second != second {
		d = &date{second, "Date: " + now.UTC().Format(http.TimeFormat) + "\r\n"}
		s.date.Store(d)
	}
	return d.text
}
