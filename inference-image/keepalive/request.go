package keepalive

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"
)

var (
	post    = []byte("POST /")
	headEnd = []byte("\r\n\r\n")
)

// mostDigits of a length; more is too large by far.
const mostDigits = 7

// request is a request with the head that it was parsed from. The next one with the same head is the same request, with
// another length perhaps.
type request struct {
	before, after []byte // of the head around the number of Content-Length
	length        int
	parsed        *http.Request
	caller        *watch // is the context of parsed; nil where it cannot be used again
}

// next gives the request of a head; nil where it is for net/http.
func (r *request) next(head []byte) *request {
	if r != nil && r.is(head) {
		return r
	}
	return parse(head)
}

// is reports whether a head is this one but for the length, which is taken over.
func (r *request) is(head []byte) bool {
	digits := len(head) - len(r.before) - len(r.after)
	if digits < 1 || digits > mostDigits || !bytes.HasPrefix(head, r.before) || !bytes.HasSuffix(head, r.after) {
		return false
	}
	number, length := head[len(r.before):len(r.before)+digits], 0
	for _, c := range number {
		if c < '0' || c > '9' {
			return false
		}
		length = 10*length + int(c-'0')
	}
	if length != r.length {
		r.length, r.parsed.ContentLength = length, int64(length)
		r.parsed.Header["Content-Length"] = []string{string(number)}
	}
	return true
}

// parse lets net/http parse a head. What is not wholly plain gives nil.
func parse(head []byte) *request {
	from, to := plainLines(head)
	if from < 0 || to-from > mostDigits {
		return nil
	}
	text := bytes.NewReader(head)
	reader := bufio.NewReader(text)
	parsed, err := http.ReadRequest(reader)
	if err != nil || text.Len() > 0 || reader.Buffered() > 0 || !plain(parsed) {
		return nil
	}
	return &request{before: append([]byte(nil), head[:from]...), after: append([]byte(nil), head[to:]...),
		length: int(parsed.ContentLength), parsed: parsed}
}

// plainLines finds the number of Content-Length; from is negative where there is not exactly one, where a line does not
// end in CR LF or where it goes on in the next one.
func plainLines(head []byte) (from, to int) {
	from = -1
	for at := 0; at < len(head); {
		length := bytes.IndexByte(head[at:], '\r')
		if length < 0 || at+length+1 >= len(head) || head[at+length+1] != '\n' {
			return -1, 0
		}
		line := head[at : at+length]
		if bytes.IndexByte(line, '\n') >= 0 || length > 0 && (line[0] == ' ' || line[0] == '\t') {
			return -1, 0
		}
		if name, value, ok := bytes.Cut(line, []byte(":")); ok && strings.EqualFold(string(name), "Content-Length") {
			if from >= 0 {
				return -1, 0
			}
			number := bytes.TrimSpace(value)
			from = at + len(name) + 1 + bytes.Index(value, number)
			to = from + len(number)
		}
		at += length + 2
	}
	return from, to
}

// plain reports whether a request needs nothing of net/http.
func plain(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.ProtoMinor != 1 || r.Method != http.MethodPost || r.Close || r.ContentLength < 0 ||
		len(r.TransferEncoding) > 0 || len(r.Trailer) > 0 || len(r.Header["Content-Length"]) != 1 ||
		r.RequestURI == "" || r.RequestURI[0] != '/' || r.Host == "" || !httpguts.ValidHostHeader(r.Host) {
		return false
	}
	return plainHeader(r.Header)
}

func plainHeader(header http.Header) bool {
	for name, values := range header {
		switch name {
		case "Expect", "Upgrade", "Http2-Settings", "Te", "Trailer", "Transfer-Encoding":
			return false
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return false
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) || name == "Connection" && !strings.EqualFold(value, "keep-alive") {
				return false
			}
		}
	}
	return true
}

// watch gives the request a context that ends when the caller goes away.
func (r *request) watch(c *conn) *watch {
	if r.caller == nil {
		r.caller = &watch{c: c, ahead: -1}
		r.parsed = r.parsed.WithContext(r.caller)
		r.parsed.RemoteAddr = c.rwc.RemoteAddr().String()
	}
	return r.caller
}
